"""`ivr demo callbacks`: customers of every kind are rung after a visit; what came of it against what must."""

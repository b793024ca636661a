"""Rung first: a key customer's own agent, or whom a caller spoke with last, when that agent is free (S22).

Each agent of a queue has a queue of their own beside it, `<queue>-<work number>`, with that one member (queues.conf).
Nobody waits there: the caller is rung through or goes on to the line (dialplan/waiting.j2). To everybody who reads what
Asterisk says, such a caller is in the queue itself.
"""

import re

_OWN = re.compile(r"([a-z][a-z0-9_]*)-([1-9][0-9]{2,5})")


def own_queue(queue: str, agent: str) -> str:
    """The name of an agent's own queue beside a queue; no queue of the business can be called so."""
    return f"{queue}-{agent}"


def is_own_queue(name: str) -> bool:
    return _OWN.fullmatch(name) is not None


def line_of(name: str) -> str:
    """The queue of the business that a queue of Asterisk's stands for."""
    own = _OWN.fullmatch(name)
    return own[1] if own else name

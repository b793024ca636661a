"""Callbacks that keep a caller's place in line (S10): who is owed one, when the next attempt is, who is dialled."""

"""Callbacks after a visit (S26): whom a survey reaches and when, each attempt, what was answered, and the figures."""

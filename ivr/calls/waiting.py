"""How long a caller will wait: an honest estimate, or none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outlook:
    """What a caller who joins a queue now can expect.

    `ahead`: callers served before this one; `free_now`: an agent can take the call at once;
    `seconds`: expected wait, None when it cannot be known.
    """

    ahead: int
    free_now: bool
    seconds: float | None


def expected_wait(ahead: int, free_agents: int, busy_agents: int, mean_talk_seconds: float | None) -> float | None:
    """Seconds until an agent takes a caller with `ahead` callers before them; None when nobody can know.

    Talks end independently, so that with n agents talking one ends every mean/n seconds; this caller's turn
    comes with the (ahead - free + 1)th end. Without agents, or before the first talk has ended, there is
    nothing to reckon with.
    """
    if free_agents > ahead:
        return 0.0
    agents = free_agents + busy_agents
    if agents <= 0 or mean_talk_seconds is None or mean_talk_seconds <= 0:
        return None
    return (ahead - free_agents + 1) * mean_talk_seconds / agents

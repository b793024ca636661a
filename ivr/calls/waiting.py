"""How long a caller will wait: an honest estimate, or none."""

import math
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


def expected_wait(
    ahead: int, free_agents: int, busy_agents: int, pace: float | None, patience: float | None = None
) -> float | None:
    """Seconds until an agent takes a caller with `ahead` callers before them; None when nobody can know.

    `pace`: seconds a caller keeps an agent (ring, talk, wrap-up). Talks end independently, so that with n agents one
    comes free every pace/n seconds, and this caller's turn comes with the (ahead - free + 1)th. Each caller ahead gives
    up after `patience` seconds on average: the sum of 1/(n/pace + k/patience) over the k still ahead (Erlang-A), as the
    integral that say.conf reckons for each announcement in line. Without agents, or before the first talks have ended,
    there is nothing to reckon with. benchmarks/waiting compares it with Asterisk's own estimate.
    """
    if free_agents > ahead:
        return 0.0
    agents = free_agents + busy_agents
    if agents <= 0 or pace is None or pace <= 0:
        return None
    seconds = (ahead - free_agents + 1) * pace / agents
    return seconds if patience is None or patience <= 0 else patience * math.log1p(seconds / patience)

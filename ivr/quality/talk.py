"""What the rules look at: the words of both sides and the facts that the journal knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.speech.words import Word

Role = Literal["caller", "agent"]
Announcement = Literal["company", "work_number"]


@dataclass(frozen=True)
class Talk:
    """One recorded call, ready to be judged; times in seconds from the start of the recording.

    `words` has no entry for a leg without a transcript; `missing` says why. `answered_at` is None when no agent
    answered. `announced` is what the hotline itself said to this caller, by its journal. `demonstration`: the
    words come from the demonstration model, which hears something in everybody's speech.
    """

    words: Mapping[Role, tuple[Word, ...]]
    answered_at: float | None
    ended_at: float | None = None
    hung_up_by: Literal["caller", "agent", "system"] | None = None
    company: tuple[str, ...] = ()
    work_number: str | None = None
    announced: frozenset[Announcement] = frozenset()
    language: str = "zh-CN"
    demonstration: bool = False
    missing: Mapping[Role, str] = field(default_factory=dict)

"""What a case's customer answered to a survey, as its page shows it (S26)."""

import datetime as dt
from dataclasses import dataclass

from ivr.cases.complaints import default_lexicon, find_complaints
from ivr.cases.surveyed import is_bad
from ivr.hotline import Survey
from ivr.settings import StatePaths
from ivr.speech.words import Word
from ivr.store.models import Transcript, spoken_text
from ivr.surveys.story import ContactStory
from ivr.web.media import sound_of
from ivr.web.names import Names


@dataclass(frozen=True)
class Spoken:
    """A comment: whether its sound is ready, missing or damaged; its words once they are there; and the complaints in
    them, each with whether it was heard for sure."""

    sound: str
    state: str
    text: str
    demonstration: bool
    complaints: list[tuple[str, bool]]


@dataclass(frozen=True)
class GivenAnswer:
    """An answer in words; a bad one became a case."""

    question: str
    asked: str
    answer: str
    bad: bool
    at: dt.datetime
    comment: Spoken | None = None


def given_answers(paths: StatePaths, survey: Survey | None, story: ContactStory, names: Names) -> list[GivenAnswer]:
    """All answers in the order they were given; `survey` as it is asked now, None where it is asked no more."""
    name = story.contact.survey
    return [
        GivenAnswer(
            question=each.answer.question,
            asked=names.question(name, each.answer.question),
            answer=names.answer(name, each.answer.question, each.answer.value),
            bad=survey is not None and is_bad(survey, each.answer),
            at=each.answer.given_at,
            comment=_spoken(paths, each.answer.recording, each.words) if each.answer.recording else None,
        )
        for each in story.answers
    ]


def _spoken(paths: StatePaths, recording: str, words: Transcript | None) -> Spoken:
    sound, _ = sound_of(paths, recording)
    if words is None or words.state != "done":
        return Spoken(sound, words.state if words else "pending", "", False, [])
    heard = [Word.from_json(word) for word in words.words]
    found = find_complaints(heard, default_lexicon(), demonstration=words.demonstration)
    complaints = list({each.heard: each.sure for each in found}.items())
    return Spoken(sound, "done", spoken_text(words.words), words.demonstration, complaints)

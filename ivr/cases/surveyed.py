"""What a survey brings to light for a person to put right (S26): bad answers, complaints, a person asked for in vain.

Of one contact one case at most: whoever calls the customer back speaks with them of everything. It is opened once the
customer is off the line (they may still correct an answer), not only when the survey is through.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from ivr.cases.complaints import Found, Lexicon, default_lexicon, find_complaints
from ivr.cases.record import TO_CHECK
from ivr.cases.rules import Trouble
from ivr.hotline import Hotline, Survey
from ivr.speech.words import Word
from ivr.store.customers import Visit
from ivr.store.followup import Callback, Case, CaseKind, Message
from ivr.store.models import Call, Transcript
from ivr.store.session import Store
from ivr.store.surveys import Answer, Contact, ContactAttempt, comment_leg
from ivr.surveys.words import answer_words, question_words

LOOK_BACK = dt.timedelta(days=30)
"""Comments given longer ago open no case any more."""
KINDS: tuple[CaseKind, ...] = ("survey_low", "survey_complaint", "survey_person")

_AT_ONCE = 100
_HAS_NONE = ~select(Case.id).where(Case.contact_id == Contact.id, Case.kind.in_(KINDS)).exists()
_OFF_THE_LINE = Contact.state != "dialling"


class CommentReader:
    """Looks for complaint words in comments, in each but once while the process lives: most hold none."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._lexicon = lexicon
        self._harmless: set[str] = set()

    def unread(self, legs: Iterable[str]) -> list[str]:
        """Those of these comments that have not been found harmless."""
        return [leg for leg in legs if leg not in self._harmless]

    def complaints(self, transcript: Transcript) -> list[Found]:
        """What the customer complains of in these words."""
        words = [Word.from_json(word) for word in transcript.words]
        lexicon = self._lexicon or default_lexicon()
        found = find_complaints(words, lexicon, demonstration=transcript.demonstration)
        if not found:
            self._harmless.add(transcript.leg_id)
        return found


def survey_troubles(
    session: Session, hotline: Hotline, now: dt.datetime, comments: CommentReader | None = None
) -> Iterator[Trouble]:
    """What has no case yet; first the bad answers, which say what is wrong most plainly."""
    seen: set[str] = set()
    comments = comments or CommentReader()
    for trouble in (
        *_low(session, hotline),
        *_complaints(session, hotline, now, comments),
        *_persons(session, hotline),
    ):
        if trouble.origin not in seen:
            yield trouble
        seen.add(trouble.origin)


def keep_matters(store: Store, hotline: Hotline) -> int:
    """Bring what open cases say of bad answers up to date: a call that broke off has gone on, with more of them.

    Returns how many. Raises StoreUnavailable.
    """
    with store.read() as session:  # most looks find nothing and must not keep a writer waiting
        if not _outdated(session, hotline):
            return 0
    with store.write() as session:
        store.lock(session, "cases")
        outdated = _outdated(session, hotline)
        for case, matter in outdated:
            case.matter = matter
    return len(outdated)


def _outdated(session: Session, hotline: Hotline) -> list[tuple[Case, str]]:
    since = select(Answer.question).where(Answer.contact_id == Case.contact_id, Answer.given_at > Case.opened_at)
    wanted = select(Case, Contact.survey).join(Contact, Contact.id == Case.contact_id)
    rows = session.execute(wanted.where(Case.kind == "survey_low", Case.state != "closed", since.exists())).all()
    answers = _answers(session, [case.contact_id or "" for case, _ in rows])
    found: list[tuple[Case, str]] = []
    for case, name in rows:
        survey = hotline.surveys.get(name)
        matter = low_matter(survey, answers[case.contact_id or ""], hotline) if survey else ""
        if matter and matter != case.matter:
            found.append((case, matter))
    return found


def is_bad(survey: Survey, answer: Answer) -> bool:
    """Whether an answer is one that becomes a case."""
    return any(answer.question == question.id and answer.value in question.bad for question in survey.questions)


def low_matter(survey: Survey, answers: Iterable[Answer], hotline: Hotline) -> str:
    """The bad answers in the words of the language that the business speaks first."""
    language = hotline.languages[0]
    given = {answer.question: answer for answer in answers if is_bad(survey, answer)}
    told = [
        f"{question_words(each, language)}：{answer_words(survey, each, given[each.id].value, language)}"
        for each in survey.questions
        if each.id in given
    ]
    return "；".join(told)


def _low(session: Session, hotline: Hotline) -> Iterator[Trouble]:
    for name, survey in hotline.surveys.items():
        bad = [and_(Answer.question == each.id, Answer.value.in_(each.bad)) for each in survey.questions if each.bad]
        if not bad:
            continue
        # Not by EXISTS: the few bad answers are found first, and then their contacts, not the other way round.
        with_bad = Contact.id.in_(select(Answer.contact_id).where(or_(*bad)))
        contacts = _contacts(session, Contact.survey == name, _OFF_THE_LINE, with_bad)
        answers = _answers(session, [contact.id for contact, _ in contacts])
        for contact, customer in contacts:
            given = answers[contact.id]
            first = min((each for each in given if is_bad(survey, each)), key=lambda each: each.given_at)
            last = max(each.given_at for each in given if each.call_id == first.call_id)
            matter = low_matter(survey, given, hotline)
            yield _trouble("survey_low", contact, customer, survey, last, first.call_id, matter)


def _complaints(session: Session, hotline: Hotline, now: dt.datetime, comments: CommentReader) -> Iterator[Trouble]:
    recent = [Answer.recording.is_not(None), Answer.given_at > now - LOOK_BACK]
    spoken = select(Answer.contact_id, Answer.call_id, Answer.question).where(*recent, _OFF_THE_LINE, _HAS_NONE)
    spoken = spoken.join(Contact, Contact.id == Answer.contact_id)
    legs = {comment_leg(call_id, question): contact for contact, call_id, question in session.execute(spoken)}
    unread = comments.unread(legs)
    for first in range(0, len(unread), _AT_ONCE):
        some = unread[first : first + _AT_ONCE]
        written = select(Transcript).where(Transcript.leg_id.in_(some), Transcript.state == "done")
        transcripts = {row.leg_id: row for row in session.scalars(written)}
        wanted = Contact.id.in_({legs[leg] for leg in transcripts})
        contacts = {contact.id: (contact, customer) for contact, customer in _contacts(session, wanted)}
        for leg, transcript in transcripts.items():
            known = contacts.get(legs[leg])
            if known is not None and (found := comments.complaints(transcript)):
                yield _complaint(session, hotline, *known, leg, found)


def _complaint(
    session: Session, hotline: Hotline, contact: Contact, customer: int, leg: str, found: Sequence[Found]
) -> Trouble:
    given = next(
        each for each in _answers(session, [contact.id])[contact.id] if comment_leg(each.call_id, each.question) == leg
    )
    survey, matter = hotline.surveys.get(contact.survey), complaint_matter(found)
    return _trouble("survey_complaint", contact, customer, survey, given.given_at, given.call_id, matter)


def complaint_matter(found: Sequence[Found]) -> str:
    """The words of a complaint as they were heard; those not heard for sure bear TO_CHECK and come last."""
    heard: dict[str, bool] = {}
    for each in found:
        heard[each.heard] = heard.get(each.heard, False) or each.sure
    sure = [word for word, is_sure in heard.items() if is_sure]
    return "、".join(sure or [f"{word}{TO_CHECK}" for word in heard])


def _persons(session: Session, hotline: Hotline) -> Iterator[Trouble]:
    """Who pressed 0 and hung up in the line, or was let go from it: nobody there spoke with them.

    Whoever left a message or asked for a callback has that instead.
    """
    promised = or_(
        select(Message.call_id).where(Message.call_id == Call.id).exists(),
        select(Callback.id).where(Callback.id == Call.id).exists(),
    )
    asked = select(ContactAttempt.contact_id, Call).join(Call, Call.id == ContactAttempt.call_id)
    asked = asked.where(ContactAttempt.result == "person", Call.ended_at.is_not(None), Call.answered_at.is_(None))
    asked = asked.join(Contact, Contact.id == ContactAttempt.contact_id).where(~promised, _HAS_NONE)
    calls = {row.contact_id: row.Call for row in session.execute(asked.limit(_AT_ONCE))}
    for contact, customer in _contacts(session, Contact.id.in_(calls)):
        call, survey = calls[contact.id], hotline.surveys.get(contact.survey)
        yield _trouble("survey_person", contact, customer, survey, call.ended_at or call.started_at, call.id, "")


def _contacts(session: Session, *wanted: ColumnElement[bool]) -> list[tuple[Contact, int]]:
    """Contacts without a case, and whose customers they are."""
    asked = select(Contact, Visit.customer_id).join(Visit, Visit.id == Contact.visit_id)
    rows = session.execute(asked.where(_HAS_NONE, *wanted).order_by(Contact.id).limit(_AT_ONCE))
    return [(contact, customer) for contact, customer in rows]


def _answers(session: Session, contacts: Sequence[str]) -> Mapping[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in session.scalars(select(Answer).where(Answer.contact_id.in_(contacts))):
        found.setdefault(answer.contact_id, []).append(answer)
    return found


def _trouble(
    kind: CaseKind,
    contact: Contact,
    customer: int,
    survey: Survey | None,
    at: dt.datetime,
    call_id: str,
    matter: str,
) -> Trouble:
    return Trouble(
        kind=kind,
        origin=contact.id,
        at=at,
        call_id=call_id,
        number=contact.number,
        queue=survey.queue if survey else None,
        matter=matter,
        contact_id=contact.id,
        customer_id=customer,
        department=survey.department if survey else None,
        key=contact.key,
    )

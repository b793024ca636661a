"""Contacts and answers as tables for other programs (CSV, XLSX), by the filter of the page (S24: traced)."""

import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.hotline import Survey
from ivr.store.session import Store
from ivr.surveys.contacts import Chosen
from ivr.surveys.export import Given, Whom, every_answer, every_contact
from ivr.tables.write import Cell, TableTooLong, write_csv, write_xlsx
from ivr.web.auth import Supervisor
from ivr.web.contact_filter import read_contact_filter
from ivr.web.context import language_of, web_of
from ivr.web.i18n import Translator
from ivr.web.names import Names
from ivr.web.outbound import known_survey, names_of

router = APIRouter(prefix="/campaigns")

_WRITERS: dict[str, tuple[Callable[[IO[bytes], Sequence[str], Iterable[Sequence[Cell]]], None], str]] = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


@router.get("/{survey}/contacts.{form}")
def export_contacts(request: Request, survey: str, form: str, user: Supervisor) -> Response:
    return _export(request, survey, form, user.login, "contacts")


@router.get("/{survey}/answers.{form}")
def export_answers(request: Request, survey: str, form: str, user: Supervisor) -> Response:
    return _export(request, survey, form, user.login, "answers")


@dataclass(frozen=True)
class _Table:
    """Lines in the reader's language, moments in the business's zone."""

    t: Translator
    names: Names
    zone: dt.tzinfo
    name: str
    survey: Survey | None

    def contacts(self, store: Store, chosen: Chosen) -> tuple[list[str], Iterator[list[Cell]]]:
        """A line for each contact, with a column for each question of the survey."""
        questions = [question.id for question in self.survey.questions] if self.survey else []
        fields = ("state", "reason", "attempts", "last_result", "due", "next", "reached", "ended")
        headings = self._who() + [self.t(f"export.{name}") for name in fields]
        return headings + [self.names.question(self.name, each) for each in questions], self._contacts(
            store, chosen, questions
        )

    def answers(self, store: Store, chosen: Chosen) -> tuple[list[str], Iterator[list[Cell]]]:
        """A line for each answer."""
        fields = [self.t(f"export.{name}") for name in ("question", "value", "words", "given")]
        return self._who() + fields, self._answers(store, chosen)

    def _contacts(self, store: Store, chosen: Chosen, questions: Sequence[str]) -> Iterator[list[Cell]]:
        given: dict[tuple[str, str], Cell] = {}
        with store.read() as session:
            for whom, answer in every_answer(session, chosen):
                given[whom.contact_id, answer.question] = self._answer(answer)
            for whom, so_far in every_contact(session, chosen):
                yield [
                    *self._whom(whom),
                    self.t.named("contact.state", so_far.state),
                    self.t.named("contact.reason", so_far.reason) if so_far.state == "planned" else "",
                    so_far.attempts,
                    self.t.named("attempt.result", so_far.last_result),
                    *(self._at(at) for at in (so_far.due_at, so_far.next_at, so_far.reached_at, so_far.ended_at)),
                    *(given.get((whom.contact_id, question)) for question in questions),
                ]

    def _answers(self, store: Store, chosen: Chosen) -> Iterator[list[Cell]]:
        with store.read() as session:
            for whom, given in every_answer(session, chosen):
                question = self.names.question(self.name, given.question)
                yield [*self._whom(whom), question, given.value, self._answer(given), self._at(given.given_at)]

    def _who(self) -> list[str]:
        names = ("contact", "customer", "title_of", "number", "visit", "kind", "by", "visited")
        return [self.t(f"export.{name}") for name in names]

    def _whom(self, whom: Whom) -> list[Cell]:
        named = [whom.contact_id, whom.name, whom.title, whom.number, whom.visit, whom.kind]
        return [*named, self.names.agent(whom.by), self._at(whom.visited_at)]

    def _answer(self, given: Given) -> Cell:
        """A number where it is one, so that it can be reckoned with; words otherwise."""
        asked = {question.id: question.kind for question in self.survey.questions} if self.survey else {}
        if asked.get(given.question) in ("scale", "number") and given.value.isascii() and given.value.isdigit():
            return int(given.value)
        return given.words or self.names.answer(self.name, given.question, given.value)

    def _at(self, moment: dt.datetime | None) -> dt.datetime | None:
        return moment.astimezone(self.zone) if moment else None


def _export(request: Request, survey: str, form: str, login: str, what: str) -> Response:
    web = web_of(request)
    if form not in _WRITERS:
        raise HTTPException(404)
    with web.store.read() as session:
        known = known_survey(web, session, survey)
    table = _Table(Translator(language_of(request)), names_of(request), web.zone(), survey, known)
    chosen = read_contact_filter(request.query_params.multi_items()).chosen(survey, web.zone(), web.now())
    web.trace(login, f"export.{what}")
    write, kind = _WRITERS[form]
    file = io.BytesIO()
    try:
        write(file, *(table.contacts if what == "contacts" else table.answers)(web.store, chosen))
    except TableTooLong as error:
        raise HTTPException(400) from error
    day = web.now().astimezone(web.zone())
    name = quote(f"{survey}-{what}-{day:%Y-%m-%d}.{form}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(file.getvalue(), media_type=kind, headers=headers)

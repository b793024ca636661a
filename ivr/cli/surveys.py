"""Looking at the surveys: are they what the standards ask for, and what is asked after which answer."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import Hotline, Language, Question, Survey, Texts, load_hotline
from ivr.hotline.surveys import NO, YES
from ivr.speech.prompts import PromptStore
from ivr.speech.survey_check import check_surveys

survey_app = typer.Typer(no_args_is_help=True, help="What customers are asked after a visit.")

Name = Annotated[str | None, typer.Argument(help="The survey; all without it.")]


def add_to(app: typer.Typer) -> None:
    """Register `survey …`."""
    app.add_typer(survey_app, name="survey")


@survey_app.command()
def check(state: State = None, as_json: AsJson = False) -> None:
    """Hold the surveys of the business file against the service standards; exit code 1 when one is offended."""
    settings = settings_of(state)
    found = check_surveys(PromptStore(settings.paths, load_hotline(settings.hotline_file)))
    if as_json:
        print_json([{**vars(finding), "message": finding.message, "remedy": finding.remedy} for finding in found])
    elif found:
        print_table(
            ["", "survey", "question", "clause", "finding", "what to do"],
            [
                ("✗" if one.level == "error" else "!", one.survey, one.question, one.standard, one.message, one.remedy)
                for one in found
            ],
        )
        errors = sum(one.level == "error" for one in found)
        console.print(f"{errors} errors, {len(found) - errors} warnings")
    else:
        console.print("the surveys keep S26")
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


@survey_app.command()
def show(
    name: Name = None,
    state: State = None,
    language: Annotated[str | None, typer.Option(help="zh-CN or en; the first of the business without it.")] = None,
) -> None:
    """Draw the surveys: what is asked, and what only after which answer."""
    hotline = load_hotline(settings_of(state).hotline_file)
    spoken = {str(known): known for known in hotline.languages}
    if language is not None and language not in spoken:
        raise IvrError(f"The hotline does not speak {language}.", f"use one of {', '.join(spoken)}")
    if name is not None and name not in hotline.surveys:
        raise IvrError(f"There is no survey {name}.", f"use one of {', '.join(hotline.surveys) or 'none: write one'}")
    chosen = spoken[language] if language else hotline.languages[0]
    for known, survey in hotline.surveys.items():
        if name in (None, known):
            console.print(_drawn(hotline, known, survey, chosen))


def _drawn(hotline: Hotline, name: str, survey: Survey, language: Language) -> Tree:
    """Questions in their order; one asked only after certain answers hangs below the question it waits for last."""
    root = Tree(f"[bold]{name}[/] {escape(_said(survey.label, language))}")
    queue = survey.queue or hotline.default_queue
    root.add(f"[dim]{escape(_said(survey.purpose, language))} · {survey.minutes} min · 0 → {queue} · 9 ✗[/]")
    nodes: dict[str, Tree] = {}
    for question in survey.questions:
        waits_for = next(reversed(question.only_if), None)
        parent = nodes[waits_for] if waits_for else root
        nodes[question.id] = parent.add(_line(survey, question, language))
    return root


def _line(survey: Survey, question: Question, language: Language) -> str:
    conditions = "; ".join(f"{on} = {'/'.join(answers)}" for on, answers in question.only_if.items())
    when = f"[yellow]{escape(conditions)} →[/] " if conditions else ""
    words = escape(_said(question.ask, language))
    return f"{when}[bold]{question.id}[/] {words} [dim]{escape(_answers(survey, question, language))}[/]"


def _answers(survey: Survey, question: Question, language: Language) -> str:
    """What may be answered, and which of it becomes a case."""
    match question.kind:
        case "scale":
            answers = f"1–{survey.scale}"
        case "yes_no":
            answers = f"{YES} ✓, {NO} ✗"
        case "choice":
            answers = ", ".join(f"{key} {_said(words, language)}" for key, words in sorted(question.choices.items()))
        case "number":
            answers = f"{question.least}–{question.most}"
        case "comment":
            answers = f"● {question.seconds} s"
    return f"({answers}; case: {', '.join(question.bad)})" if question.bad else f"({answers})"


def _said(texts: Texts, language: Language) -> str:
    return texts.get(language) or next(iter(texts.values()), "")

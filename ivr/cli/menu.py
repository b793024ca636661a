"""Looking at the menu: is it what the standards ask for, how does it look, where does every key lead."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from ivr.cli.common import AsJson, State, Steps, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import Hotline, Language, load_hotline
from ivr.hotline.tree import Branch, paths, tree
from ivr.settings import Settings
from ivr.speech.menu_check import check_menus, prompt_seconds
from ivr.speech.prompts import PromptStore

menu_app = typer.Typer(no_args_is_help=True, help="The menu: check it, draw it, call every way through it.")


def add_to(app: typer.Typer) -> None:
    """Register `menu …`."""
    app.add_typer(menu_app, name="menu")


@menu_app.command()
def check(state: State = None, as_json: AsJson = False) -> None:
    """Hold the menus of the business file against the service standards; exit code 1 when one is offended."""
    settings = settings_of(state)
    found = check_menus(PromptStore(settings.paths, load_hotline(settings.hotline_file)))
    if as_json:
        print_json([{**vars(finding), "message": finding.message} for finding in found])
    elif not found:
        console.print("the menus keep S15 to S19")
    else:
        print_table(
            ["", "menu", "clause", "finding"],
            [("✗" if one.level == "error" else "!", one.where, one.standard, one.message) for one in found],
        )
        errors = sum(one.level == "error" for one in found)
        console.print(f"{errors} errors, {len(found) - errors} warnings")
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


@menu_app.command()
def show(
    state: State = None,
    language: Annotated[str | None, typer.Option(help="zh-CN or en; the first of the business without it.")] = None,
) -> None:
    """Draw the menu tree."""
    hotline = load_hotline(settings_of(state).hotline_file)
    spoken = {str(known): known for known in hotline.languages}
    if language is not None and language not in spoken:
        raise IvrError(f"The hotline does not speak {language}.", f"use one of {', '.join(spoken)}")
    chosen = spoken[language] if language else hotline.languages[0]
    root = Tree(f"[bold]{hotline.hotline.number}[/] {escape(hotline.company.name.get(chosen, ''))}")
    _grow(root, tree(hotline), chosen)
    console.print(root)


def _grow(node: Tree, branches: tuple[Branch, ...], language: Language) -> None:
    for branch in branches:
        leads = "↺" if branch.again else "" if branch.kind == "menu" else f"→ {branch.kind} {branch.target}"
        child = node.add(f"[bold]{branch.key}[/] {escape(branch.text(language))} [dim]{leads}[/]")
        _grow(child, branch.branches, language)


@menu_app.command()
def walk(state: State = None, as_json: AsJson = False) -> None:
    """Call every way through the menus and say how many keys and seconds it takes to its end.

    A second instance with the same business file is started for it, so that no call of it is counted.
    """
    from ivr.demo.walk import WalkReport, twin, walk_all

    settings = settings_of(state)
    hotline = load_hotline(settings.hotline_file)
    with Steps() as say, twin(settings, hotline, say) as called:
        walked = walk_all(called, hotline, paths(hotline), say)
        report = WalkReport(walked, _menu_seconds(called, hotline))
    if as_json:
        print_json(report.to_json(hotline.languages[0]))
    else:
        rows = report.rows(hotline.languages[0])
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        for line in report.summary():
            console.print(line)
    if not report.good:
        raise typer.Exit(1)


def _menu_seconds(settings: Settings, hotline: Hotline) -> dict[str, float]:
    """How long the main menu is heard in each language, seconds."""
    heard = prompt_seconds(PromptStore(settings.paths, hotline))
    menu = hotline.menu_prompt(hotline.menu_start)
    return {language: seconds for (language, prompt), seconds in heard.items() if prompt == menu}

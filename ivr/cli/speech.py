"""Prompts and speech models."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from ivr import service
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.hotline import load_hotline
from ivr.settings import ROOT, Settings, read_settings
from ivr.speech.download import get_model
from ivr.speech.models import list_models
from ivr.speech.prompt_check import check
from ivr.speech.prompts import PromptStore, list_prompts
from ivr.speech.prompts import say as find_sound

prompts_app = typer.Typer(no_args_is_help=True, help="What callers hear.")
models_app = typer.Typer(no_args_is_help=True, help="Speech recognition models.")


def add_to(app: typer.Typer) -> None:
    """Register `prompts …` and `models …`."""
    app.add_typer(prompts_app, name="prompts")
    app.add_typer(models_app, name="models")


@prompts_app.command("build")
def build_prompts(state: State = None) -> None:
    """Make the sound of every new or changed text."""
    settings = settings_of(state)
    settings.paths.create()
    hotline = load_hotline(settings.hotline_file)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bar:
        task = bar.add_task("prompts")
        warnings = service.publish_prompts(
            settings, hotline, lambda done, total, key: bar.update(task, completed=done, total=total)
        )
    for warning in warnings:
        console.print(f"warning: {escape(warning)}")
    _list(settings, as_json=False, brief=True)


@prompts_app.command("list")
def show_prompts(state: State = None, as_json: AsJson = False) -> None:
    """List texts, who spoke each, how long and how loud."""
    _list(settings_of(state), as_json)


@prompts_app.command("say")
def say_prompt(
    id: str, state: State = None, language: Annotated[str | None, typer.Option("--language")] = None
) -> None:
    """Print a prompt's text and where its sound lies (raw 16-bit, 16 kHz)."""
    store = _store(settings_of(state))
    file, text = find_sound(store, id, language or store.hotline.languages[0])
    console.print(escape(text))
    console.print(str(file), soft_wrap=True)


@prompts_app.command("check")
def check_prompts(state: State = None, as_json: AsJson = False) -> None:
    """Name what is missing, too long, too loud or not translated; exit code 1 when callers would miss something."""
    flows = [*sorted((ROOT / "agi_scripts").glob("*.py")), ROOT / "ivr" / "telephony" / "call.py"]
    findings = check(_store(settings_of(state)), flows)
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for found in findings:
            console.print(escape(f"{found.level}: {found.prompt}: {found.message} {found.standard}".rstrip()))
        if not findings:
            console.print("all prompts are there and in order")
    if any(found.level == "error" for found in findings):
        raise typer.Exit(1)


@models_app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="small-cn, large-cn, or an official model's name.")] = "small-cn",
) -> None:
    """Download an official Vosk model into your cache; a cut download goes on where it stopped."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(), console=console
    ) as bar:
        task = bar.add_task("connecting", total=None)

        def show(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        model = get_model(name, settings=read_settings(), progress=show)
    console.print(f"{model.name} is in use from the next transcript on; `ivr transcribe --again` makes old ones again")


@models_app.command("list")
def show_models(as_json: AsJson = False) -> None:
    """List the models that are known or installed, and which is in use."""
    models = list_models(read_settings())
    if as_json:
        print_json([{**vars(model), "path": str(model.path)} for model in models])
        return
    rows = [
        (m.name, m.short_name, "yes" if m.installed else "no", "in use" if m.in_use else "", m.problem) for m in models
    ]
    print_table(["model", "short name", "installed", "", "problem"], rows)


def _list(settings: Settings, as_json: bool, brief: bool = False) -> None:
    rows = list_prompts(_store(settings))
    if as_json:
        print_json([vars(row) for row in rows])
    elif brief:
        engines = sorted({row.engine for row in rows if row.engine})
        counts = ", ".join(f"{name} spoke {sum(row.engine == name for row in rows)}" for name in engines)
        console.print(f"{len(rows)} prompts: {counts}")
    else:
        columns = ["language", "id", "engine", "s", "LUFS", "state", "text"]
        print_table(columns, [[r.lang, r.id, r.engine, r.seconds, r.lufs, r.state, r.text] for r in rows])


def _store(settings: Settings) -> PromptStore:
    return PromptStore(settings.paths, load_hotline(settings.checked_hotline_file))

"""Reading the business file: a good one, or a message that names file, line, field and what is allowed."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ivr.errors import IvrError
from ivr.hotline.kinds import LABEL, PERSON_KEY
from ivr.hotline.model import Hotline
from ivr.hotline.survey_prompts import EVERY_SURVEYS, PURPOSE, survey_prompt

MAX_BYTES = 1_000_000
"""Bytes of a business file; each is read within moments, and looked at again whenever it changes."""


class HotlineFileError(IvrError):
    """The business file cannot be used: file, line, field, and what is allowed."""


def load_hotline(path: Path) -> Hotline:
    """Read and check the business file; raises HotlineFileError naming file, line, field and what is allowed."""
    root, data = _read(path)
    if not isinstance(data, dict):
        raise HotlineFileError(f"{path}:1: allowed: the fields {', '.join(Hotline.model_fields)}.")
    try:
        hotline = Hotline.model_validate(data)
    except ValidationError as error:
        raise HotlineFileError("; ".join(_describe(path, root, e) for e in error.errors()[:5])) from error
    for where, problem in _broken_references(hotline):
        raise HotlineFileError(f"{path}:{_line(root, where)}: {_field(where)}: {problem}")
    return hotline


def _read(path: Path) -> tuple[yaml.Node | None, Any]:
    """The file as nodes, which know their lines, and as data."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise HotlineFileError(f"{path}: longer than {MAX_BYTES} bytes.", "a business file is a few pages")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise HotlineFileError(f"{path}: {reason}.", "set IVR_HOTLINE_FILE to a readable business file") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _look_through(path, root, yaml.SafeLoader(""), set())
        return root, yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise HotlineFileError(f"{path}:{line}: not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise HotlineFileError(f"{path}:1: not YAML: {str(error).splitlines()[0]}.") from error
    except RecursionError as error:
        raise HotlineFileError(f"{path}:1: not a business file: brackets within brackets without end.") from error


def _broken_references(hotline: Hotline) -> list[tuple[tuple[str | int, ...], str]]:
    queues, menus, agents = ", ".join(hotline.queues), ", ".join(hotline.menus), ", ".join(hotline.agents)
    problems: list[tuple[tuple[str | int, ...], str]] = []
    if hotline.menu_start not in hotline.menus:
        problems.append((("menu_start",), f"no such menu; allowed: {menus}"))
    if hotline.hotline.number in hotline.agents:
        problems.append((("hotline", "number"), "an agent has this number; allowed: any but the work numbers"))
    if hotline.default_queue not in hotline.queues:
        problems.append((("default_queue",), f"no such queue; allowed: {queues}"))
    for language in hotline.languages:
        if language not in hotline.voices:
            problems.append((("voices",), f"no voice for {language}"))
    for name, menu in hotline.menus.items():
        for key, option in menu.options.items():
            where = ("menus", name, "options", key)
            if option.queue and option.queue not in hotline.queues:
                problems.append(((*where, "queue"), f"no such queue; allowed: {queues}"))
            if option.menu and option.menu not in hotline.menus:
                problems.append(((*where, "menu"), f"no such menu; allowed: {menus}"))
            if option.language and option.language not in hotline.languages:
                problems.append(((*where, "language"), f"allowed: {', '.join(hotline.languages)}"))
            if option.message and option.message not in hotline.queues:
                problems.append(((*where, "message"), f"no such queue; allowed: {queues}"))
            if key == PERSON_KEY and not option.queue:
                problems.append((where, "key 0 reaches a person (S16); allowed: a queue"))
    for name, queue in hotline.queues.items():
        if queue.overflow and queue.overflow not in hotline.queues:
            problems.append((("queues", name, "overflow"), f"no such queue; allowed: {queues}"))
        for index, agent in enumerate(queue.agents):
            if agent not in hotline.agents:
                problems.append((("queues", name, "agents", index), f"no such agent; allowed: {agents}"))
    return problems + _broken_settings(hotline)


def _broken_settings(hotline: Hotline) -> list[tuple[tuple[str | int, ...], str]]:
    queues, trunks, teams = (
        ", ".join(hotline.queues),
        ", ".join(hotline.trunks),
        {a.team for a in hotline.agents.values()},
    )
    problems: list[tuple[tuple[str | int, ...], str]] = []
    if hotline.callers.key_queue and hotline.callers.key_queue not in hotline.queues:
        problems.append((("callers", "key_queue"), f"no such queue; allowed: {queues}"))
    if hotline.callbacks.trunk and hotline.callbacks.trunk not in hotline.trunks:
        problems.append((("callbacks", "trunk"), f"no such trunk; allowed: {trunks}"))
    if hotline.outbound.trunk and hotline.outbound.trunk not in hotline.trunks:
        problems.append((("outbound", "trunk"), f"no such trunk; allowed: {trunks}"))
    for name, survey in hotline.surveys.items():
        if survey.queue and survey.queue not in hotline.queues:
            problems.append((("surveys", name, "queue"), f"no such queue; allowed: {queues}"))
        if survey.department and survey.department not in hotline.departments:
            allowed = ", ".join(hotline.departments) or "none: departments is empty"
            problems.append((("surveys", name, "department"), f"no such department; allowed: {allowed}"))
    problems += _said_twice(hotline) + _unshowable(hotline)
    for number, agent in hotline.agents.items():
        for index, team in enumerate(agent.supervises):
            if team not in teams:
                allowed = ", ".join(sorted(teams))
                problems.append((("agents", number, "supervises", index), f"no such team; allowed: {allowed}"))
    return problems


def _unshowable(hotline: Hotline) -> list[tuple[tuple[str | int, ...], str]]:
    """Labels that an agent's phone is to show, with characters that Asterisk would read as something else."""
    first = hotline.languages[0]
    labels: list[tuple[tuple[str | int, ...], str]] = [
        *((("queues", name, "label", first), queue.label.get(first, "")) for name, queue in hotline.queues.items()),
        *((("surveys", name, "label", first), one.label.get(first, "")) for name, one in hotline.surveys.items()),
    ]
    for name, menu in hotline.menus.items():
        for key, option in menu.options.items():
            labels.append((("menus", name, "options", key, "label", first), option.label.get(first, "")))
    allowed = "allowed: at most 60 letters, digits, blanks and marks such as · 、 / -"
    return [(where, allowed) for where, label in labels if label and not LABEL.fullmatch(label)]


def _said_twice(hotline: Hotline) -> list[tuple[tuple[str | int, ...], str]]:
    """Names of surveys and questions that together would be the name of another prompt."""
    problems: list[tuple[tuple[str | int, ...], str]] = []
    taken = set(EVERY_SURVEYS)
    for name, survey in hotline.surveys.items():
        for place, part in enumerate((PURPOSE, *(question.id for question in survey.questions))):
            prompt = survey_prompt(name, part)
            if prompt in taken:
                where = ("surveys", name, *(("questions", place - 1, "id") if place else ("purpose",)))
                problems.append((where, f"the prompt {prompt} is another's; allowed: another name"))
            taken.add(prompt)
    return problems


def _look_through(path: Path, node: yaml.Node | None, loader: yaml.SafeLoader, known: set[int]) -> None:
    """Refuse keys that stand twice and values that are none; what is repeated by `*name` is looked at once."""
    if node is None or id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        _refuse_no_value(path, node, loader)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _look_through(path, value, loader, known)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            where = f"{path}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise HotlineFileError(f"{where}: a key is one word, not a list or a table.")
            if key.value in seen:
                raise HotlineFileError(f"{where}: {key.value}: stands here twice")
            seen.add(key.value)
            _look_through(path, key, loader, known)
            _look_through(path, value, loader, known)


def _refuse_no_value(path: Path, node: yaml.ScalarNode, loader: yaml.SafeLoader) -> None:
    """A date such as 2026-02-30 reads like one and is none; PyYAML says so without the line."""
    if node.tag in ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"):
        return
    try:
        loader.construct_object(node)
    except (ValueError, OverflowError, KeyError) as error:
        raise HotlineFileError(f"{path}:{node.start_mark.line + 1}: {node.value[:40]}: {error}.") from error


def _describe(path: Path, root: yaml.Node | None, error: Any) -> str:
    where = tuple(part for part in error["loc"] if part != "[key]")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown field"
    if error["type"] == "string_pattern_mismatch":
        message = f"allowed: text like {error['ctx']['pattern']}"
    return f"{path}:{_line(root, where)}: {_field(where)}: {message}"


def _field(where: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in where)


def _line(node: yaml.Node | None, where: tuple[str | int, ...]) -> int:
    line = node.start_mark.line + 1 if node else 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line

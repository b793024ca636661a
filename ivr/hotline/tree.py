"""The menu as a tree: what every key leads to, and every way a caller can take through it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ivr.hotline.kinds import PERSON_KEY, Language, Texts
from ivr.hotline.model import Hotline, Option

Target = Literal["queue", "menu", "language", "message", "say"]


@dataclass(frozen=True)
class Branch:
    """A key of a menu: what it leads to (`kind`, `target`), and the branches of the menu behind it.

    `depth` counts from 1 for the first menu. `again`: the menu behind it is one the caller came through, so
    that it is not gone into again.
    """

    key: str
    label: Texts
    kind: Target
    target: str
    depth: int
    branches: tuple["Branch", ...] = ()
    again: bool = False

    def text(self, language: Language) -> str:
        return self.label.get(language) or next(iter(self.label.values()), "")


@dataclass(frozen=True)
class MenuPath:
    """One way through the menus: the keys in order, and where they end."""

    keys: str
    labels: tuple[Texts, ...]
    kind: Target
    target: str


def tree(hotline: Hotline) -> tuple[Branch, ...]:
    """The branches of the first menu; menus that lead back into themselves are not followed."""
    return _branches(hotline, hotline.menu_start, (hotline.menu_start,))


def paths(hotline: Hotline) -> list[MenuPath]:
    """Every way that ends somewhere, in the order of the menus; from another language on, the way to a person."""
    return list(_paths(hotline, tree(hotline), "", ()))


def person_queue(hotline: Hotline, menu: str) -> str:
    """The queue that 0 leads to in a menu (S16)."""
    option = hotline.menus[menu].options.get(PERSON_KEY)
    return option.queue if option and option.queue else hotline.default_queue


def reachable(hotline: Hotline) -> set[str]:
    """The menus that a caller can come to."""
    found, todo = {hotline.menu_start}, [hotline.menu_start]
    while todo:
        for option in hotline.menus[todo.pop()].options.values():
            if option.menu and option.menu in hotline.menus and option.menu not in found:
                found.add(option.menu)
                todo.append(option.menu)
    return found


def walk(branches: tuple[Branch, ...]) -> Iterator[Branch]:
    """Every branch, from top to bottom."""
    for branch in branches:
        yield branch
        yield from walk(branch.branches)


def _branches(hotline: Hotline, menu: str, way: tuple[str, ...]) -> tuple[Branch, ...]:
    return tuple(
        _branch(hotline, key, option, way) for key, option in sorted(hotline.menus[menu].options.items(), key=_order)
    )


def _order(item: tuple[str, Option]) -> str:
    return item[0].replace(PERSON_KEY, ":")  # 0 is said last, and ":" comes after 9


def _branch(hotline: Hotline, key: str, option: Option, way: tuple[str, ...]) -> Branch:
    kind, target = target_of(option)
    again = kind == "menu" and target in way
    deeper = _branches(hotline, target, (*way, target)) if kind == "menu" and not again else ()
    return Branch(key, option.label, kind, target, len(way), deeper, again)


def target_of(option: Option) -> tuple[Target, str]:
    """What an option leads to; the model has made sure that it is one thing."""
    targets: dict[Target, str | None] = {
        "queue": option.queue,
        "menu": option.menu,
        "language": option.language,
        "message": option.message,
        "say": option.say,
    }
    return next((kind, target) for kind, target in targets.items() if target is not None)


def _paths(hotline: Hotline, branches: tuple[Branch, ...], keys: str, labels: tuple[Texts, ...]) -> Iterator[MenuPath]:
    for branch in branches:
        here, said = keys + branch.key, (*labels, branch.label)
        if branch.kind == "language":
            yield MenuPath(here + PERSON_KEY, said, "queue", person_queue(hotline, hotline.menu_start))
        elif branch.kind == "menu":
            yield from _paths(hotline, branch.branches, here, said)
        else:
            yield MenuPath(here, said, branch.kind, branch.target)

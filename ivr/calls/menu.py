"""Walking a menu: what is said next and what a key leads to, as a rule without a telephone."""

from dataclasses import dataclass, field
from typing import Any

from ivr.hotline import PERSON_KEY, Hotline, Language

REPEAT_KEY = "*"
BACK_KEY = "#"
PATIENCE = 2
"""So many wrong keys, or so many silences, lead to a person: nobody is kept in a menu (S16)."""
STEPS = 12
"""So many keys in all, repeats and changes of language included, lead to a person too."""


@dataclass(frozen=True)
class Step:
    """What came of a key: a journal event with its facts, and where it led, if it led anywhere.

    `helped`: the menu gave up and takes the caller to a person by itself.
    """

    event: str
    facts: dict[str, Any]
    queue: str | None = None
    language: Language | None = None
    helped: bool = False


@dataclass
class MenuWalk:
    """One caller's way through the menus; ends within STEPS keys at a queue."""

    hotline: Hotline
    labels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._menus = [self.hotline.menu_start]
        self._wrong = self._silent = self._steps = 0
        self._remark: str | None = None

    @property
    def menu(self) -> str:
        return self._menus[-1]

    @property
    def prompts(self) -> list[str]:
        """Prompt ids to say now: a remark on the last key, then the menu."""
        return [*([self._remark] if self._remark else []), self.hotline.menu_prompt(self.menu)]

    @property
    def reason(self) -> str:
        """Why the caller calls, in the words of the menu, for the agent (S8)."""
        return " ".join(self.labels)

    def press(self, key: str | None) -> Step:
        """Take a key (None: silence) and say what came of it."""
        self._steps += 1
        self._remark = None
        step = self._take(key)
        if step.queue is None and self._steps >= STEPS:
            return self._person(step.event, step.facts)
        return step

    def _take(self, key: str | None) -> Step:
        menu = self.menu
        options = self.hotline.menus[menu].options
        if key is None:
            self._silent += 1
            return self._again("no_key", self._silent, "menu.silent", {"menu": menu})
        if key == PERSON_KEY and key not in options:
            return Step("menu.key", {"menu": menu, "key": key, "label": ""}, queue=self.hotline.default_queue)
        if key == REPEAT_KEY or (key == BACK_KEY and len(self._menus) > 1):
            if key == BACK_KEY:
                self._menus.pop()
                self.labels.pop()
            return Step("menu.key", {"menu": menu, "key": key, "label": ""})
        if key not in options:
            self._wrong += 1
            return self._again("wrong_key", self._wrong, "menu.wrong_key", {"menu": menu, "key": key})
        option = options[key]
        label = option.label[self.hotline.languages[0]]
        facts = {"menu": menu, "key": key, "label": label}
        if option.language:
            return Step("menu.key", facts, language=option.language)
        self.labels.append(label)
        if option.menu:
            self._menus.append(option.menu)
        return Step("menu.key", facts, queue=option.queue)

    def _again(self, remark: str, count: int, event: str, facts: dict[str, Any]) -> Step:
        if count >= PATIENCE:
            return self._person(event, facts)
        self._remark = remark
        return Step(event, facts)

    def _person(self, event: str, facts: dict[str, Any]) -> Step:
        option = self.hotline.menus[self.menu].options.get(PERSON_KEY)
        queue = option.queue if option and option.queue else self.hotline.default_queue
        return Step(event, facts, queue=queue, helped=True)

"""Walking a menu: what is said next and what a key leads to, as a rule without a telephone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ivr.hotline import PERSON_KEY, Hotline, Language, Option

REPEAT_KEY = "*"
BACK_KEY = "#"
PATIENCE = 2
"""So many wrong keys, or so many silences, lead to a person: nobody is kept in a menu (S16)."""
STEPS = 12
"""So many keys in all, repeats and changes of language included, lead to a person too."""


@dataclass(frozen=True)
class Step:
    """What came of a key: a journal event with its facts, and where it led, if it led anywhere.

    `message`: the queue a message is left for. `helped`: the menu gave up and takes the caller to a person by itself.
    """

    event: str
    facts: dict[str, Any]
    queue: str | None = None
    language: Language | None = None
    message: str | None = None
    helped: bool = False

    @property
    def leads_out(self) -> bool:
        """Whether the menu ends here."""
        return bool(self.queue or self.message)


@dataclass
class MenuWalk:
    """One caller's way through the menus; ends within STEPS keys at a queue or a message.

    `briefly`: the shorter wording of a menu, for a caller who knows it; heard once, a repeat is told in full.
    """

    hotline: Hotline
    briefly: Callable[[str], str] = lambda prompt: prompt
    labels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._menus = [self.hotline.menu_start]
        self._wrong = self._silent = self._steps = 0
        self._remark: str | None = None
        self._info: str | None = None
        self._told: set[str] = set()

    @property
    def menu(self) -> str:
        return self._menus[-1]

    @property
    def prompts(self) -> list[str]:
        """Prompt ids to say now: a remark on the last key, then the menu, or an information with its repeat (S6)."""
        remark = [self._remark] if self._remark else []
        if self._info:
            return [*remark, "note_down", self._info, "after_info"]
        prompt = self.hotline.menu_prompt(self.menu)
        return [*remark, prompt if self.menu in self._told else self.briefly(prompt)]

    @property
    def reason(self) -> str:
        """Why the caller calls, in the words of the menu, for the agent (S8)."""
        return " ".join(self.labels)

    def press(self, key: str | None) -> Step:
        """Take a key (None: silence) and say what came of it."""
        self._steps += 1
        self._remark = None
        self._told.add(self.menu)
        step = self._take(key)
        if not step.leads_out and self._steps >= STEPS:
            return self._person(step.event, step.facts)
        return step

    def _take(self, key: str | None) -> Step:
        menu = self.menu
        options = {} if self._info else self.hotline.menus[menu].options
        if key is None:
            self._silent += 1
            return self._again("no_key", self._silent, "menu.silent", {"menu": menu})
        if key in options:
            return self._choose(menu, key, options[key])
        known = {"menu": menu, "key": key, "label": ""}
        if key == PERSON_KEY:
            return Step("menu.key", known, queue=self._person_queue)
        if key == REPEAT_KEY or (key == BACK_KEY and self._go_back()):
            return Step("menu.key", known)
        self._wrong += 1
        return self._again("wrong_key", self._wrong, "menu.wrong_key", {"menu": menu, "key": key})

    def _choose(self, menu: str, key: str, option: Option) -> Step:
        label = option.label[self.hotline.languages[0]]
        facts = {"menu": menu, "key": key, "label": label}
        if option.language:
            self._told.clear()
            return Step("menu.key", facts, language=option.language)
        self.labels.append(label)
        if option.menu:
            self._menus.append(option.menu)
        self._info = option.say
        return Step("menu.key", facts, queue=option.queue, message=option.message)

    def _go_back(self) -> bool:
        """Leave an information or a deeper menu; False in the first menu, where there is nothing to go back to."""
        if self._info:
            self._info = None
        elif len(self._menus) > 1:
            self._menus.pop()
        else:
            return False
        self.labels.pop()
        return True

    def _again(self, remark: str, count: int, event: str, facts: dict[str, Any]) -> Step:
        if count >= PATIENCE:
            return self._person(event, facts)
        self._remark = remark
        return Step(event, facts)

    def _person(self, event: str, facts: dict[str, Any]) -> Step:
        return Step(event, facts, queue=self._person_queue, helped=True)

    @property
    def _person_queue(self) -> str:
        """Where 0 leads from the menu the caller is in (S16)."""
        option = self.hotline.menus[self.menu].options.get(PERSON_KEY)
        return option.queue if option and option.queue else self.hotline.default_queue

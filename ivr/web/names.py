"""The business's own names (queues, agents, menu keys, surveys) as the reader's language writes them."""

from ivr.hotline import Hotline, Language, Question, Survey, Texts
from ivr.surveys.words import answer_words, question_words


class Names:
    """Turns ids of a call record into words; an id that the business file no longer knows stays as it is."""

    def __init__(self, hotline: Hotline | None, language: Language) -> None:
        self._hotline = hotline
        self._language = language

    def queues(self, chosen: str | None = None) -> list[tuple[str, str]]:
        """Choices of a filter: (id, label), with the chosen one even where it is no longer known."""
        known = list(self._hotline.queues) if self._hotline else []
        return [(queue, self.queue(queue)) for queue in _with(known, chosen)]

    def labels(self, queue: str | None) -> dict[str, str]:
        """What a story calls queues and what agents noted calls as."""
        dispositions = self._hotline.dispositions if self._hotline else {}
        return {name: self._in_language(texts) for name, texts in dispositions.items()} | dict(self.queues(queue))

    def agents(self, chosen: str | None = None) -> list[tuple[str, str]]:
        known = list(self._hotline.agents) if self._hotline else []
        return [(agent, self.agent(agent)) for agent in _with(known, chosen)]

    def queue(self, queue: str | None) -> str:
        if queue is None:
            return ""
        known = self._hotline.queues.get(queue) if self._hotline else None
        return self._in_language(known.label) if known else queue

    def agent(self, agent: str | None) -> str:
        if agent is None:
            return ""
        known = self._hotline.agents.get(agent) if self._hotline else None
        return f"{agent} {known.name}" if known else agent

    def either(self, number: str) -> str:
        """Whom a call was given to: an agent, or a queue."""
        return self.queue(number) if self._hotline and number in self._hotline.queues else self.agent(number)

    def departments(self, chosen: str | None = None) -> list[tuple[str, str]]:
        """Who may answer for a case: (id, label), with the chosen one even where it is no longer known."""
        known = list(self._hotline.departments) if self._hotline else []
        return [(name, self.department(name)) for name in _with(known, chosen)]

    def department(self, name: str | None) -> str:
        known = self._hotline.departments.get(name) if self._hotline and name else None
        return self._in_language(known) if known else name or ""

    def disposition(self, name: str) -> str:
        """What an agent noted a call as."""
        known = self._hotline.dispositions.get(name) if self._hotline else None
        return self._in_language(known) if known else name

    def survey(self, survey: str) -> str:
        known = self._survey(survey)
        return self._in_language(known.label) if known else survey

    def question(self, survey: str, question: str) -> str:
        """What a survey asks, in few words."""
        known = self._question(survey, question)
        return question_words(known, self._language) if known else question

    def answer(self, survey: str, question: str, value: str) -> str:
        """An answer in words; as it was keyed where nobody knows what it meant."""
        known, asked = self._survey(survey), self._question(survey, question)
        return answer_words(known, asked, value, self._language) if known and asked else value

    def keys(self, path: list[str]) -> list[tuple[str, str]]:
        """The keys a caller pressed ("menu:key") with what the menu calls them: (key, label or empty)."""
        return [self._key(*step.rpartition(":")[::2]) for step in path]

    def _key(self, menu: str, key: str) -> tuple[str, str]:
        known = self._hotline.menus.get(menu) if self._hotline else None
        option = known.options.get(key) if known else None
        return key, self._in_language(option.label) if option else ""

    def _survey(self, survey: str) -> Survey | None:
        return self._hotline.surveys.get(survey) if self._hotline else None

    def _question(self, survey: str, question: str) -> Question | None:
        known = self._survey(survey)
        return next((each for each in known.questions if each.id == question), None) if known else None

    def _in_language(self, label: Texts) -> str:
        return label.get(self._language) or next(iter(label.values()), "")


def _with(known: list[str], chosen: str | None) -> list[str]:
    return [*known, chosen] if chosen and chosen not in known else known

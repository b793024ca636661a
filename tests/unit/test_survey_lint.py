"""A survey is held against S26: every fault is found, with its clause and what to do, and the sample has none."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ivr.hotline import Hotline, Language, load_hotline
from ivr.hotline.survey_advice import ADVICE
from ivr.hotline.survey_lint import SurveyFinding, lint_surveys
from ivr.hotline.survey_prompts import EVERY_SURVEYS
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore
from ivr.speech.survey_texts import survey_texts
from ivr.web.i18n import LANGUAGES, texts
from tests.unit.test_hotline_doc import EXAMPLE

SAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "hotline.yaml").read_text(encoding="utf-8"))
OVERALL, SOLVED, REASON, RECOMMEND = range(4)
Data = dict[str, Any]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> PromptStore:
    """The words that every survey has; reading them takes longer than checking."""
    paths = StatePaths(tmp_path_factory.mktemp("state"))
    return PromptStore(paths, load_hotline(ROOT / "hotline.yaml"))


@pytest.fixture
def check(prompts: PromptStore) -> Callable[..., list[SurveyFinding]]:
    """Findings of the sample with its survey changed, with the words it then has, each prompt four seconds long."""

    def lint(
        change: Callable[[Data], object] = lambda data: None,
        *,
        said: dict[str, str] | None = None,
        seconds: Callable[[str], float | None] = lambda prompt: 4.0,
    ) -> list[SurveyFinding]:
        data = copy.deepcopy(SAMPLE)
        change(data["surveys"]["after_service"])
        hotline = Hotline.model_validate(data)
        words = {language: dict(survey_texts(hotline, language)) | (said or {}) for language in hotline.languages}

        def text(prompt: str, language: Language) -> str:
            always = prompts.text(prompt, language) if prompt in EVERY_SURVEYS else ""
            return words[language].get(prompt, always)

        return lint_surveys(hotline, text, lambda prompt, language: seconds(prompt))

    return lint


def asking(place: int, zh: str, **facts: object) -> Callable[[Data], object]:
    """The survey with other Chinese words for a question."""

    def change(survey: Data) -> None:
        question = survey["questions"][place]
        question["ask"] = {**question["ask"], "zh-CN": zh}
        question.update(facts)

    return change


def rules(found: list[SurveyFinding]) -> list[tuple[str, str, str]]:
    return [(one.rule, one.question, one.standard) for one in found]


def test_the_sample_survey_keeps_the_standards(check: Callable[..., list[SurveyFinding]]) -> None:
    assert check() == []


def test_the_survey_of_the_documentation_keeps_them_too(paths: StatePaths) -> None:
    hotline = Hotline.model_validate(yaml.safe_load(EXAMPLE))
    assert lint_surveys(hotline, PromptStore(paths, hotline).text, lambda prompt, language: 4.0) == []


@pytest.mark.parametrize(
    ("place", "words", "rule", "standard"),
    [
        (OVERALL, "请您为这次服务打分，1分最低，10分最高。", "mixed_scale", "S26"),
        (OVERALL, "请您为这次服务打分，一分最低，十分最高。", "mixed_scale", "S26"),
        (OVERALL, "请您为这次服务打0到5分，5分最高。", "mixed_scale", "S26"),
        (OVERALL, "请按1到4打分，4分最高。", "mixed_scale", "S26"),
        (OVERALL, "满分是10分，请您打分。", "mixed_scale", "S26"),
        (OVERALL, "请您打分，1分最高，5分最低。", "reversed_scale", "S26"),
        (OVERALL, "非常满意请按1，非常不满意请按5。", "reversed_scale", "S26"),
        (OVERALL, "请您为这次服务打分。", "scale_unsaid", "S26"),
        (OVERALL, "请您为这次服务打1到5分。", "scale_unsaid", "S26"),
        (OVERALL, "您是不是很满意？1分最低，5分最高。", "leading", "S26"),
        (OVERALL, "您一定喜欢这次服务，1分最低，5分最高。", "leading", "S26"),
        (OVERALL, "请为我们优质的服务打分，1分最低，5分最高。", "leading", "S26"),
        (OVERALL, "服务态度和维修质量怎么样？1分最低，5分最高。", "double", "S26"),
        (OVERALL, "请你为这次服务打分，1分最低，5分最高。", "informal", "S2"),
        (OVERALL, "请打分，5分最高。现在保养有优惠。", "advertising", "S17"),
        (SOLVED, "难道还没有解决吗？解决请按1，没有请按2。", "leading", "S26"),
        (SOLVED, "解决了吗？您满意吗？是请按1，不是请按2。", "double", "S26"),
        (SOLVED, "问题是否已经解决？已经解决请按1。", "key_unsaid", "S26"),
        (SOLVED, "问题是否已经解决？已经解决请按1，没有请按3。", "strange_key", "S26"),
        (REASON, "请告诉我们原因，说完请按1。", "strange_key", "S26"),
    ],
)
def test_words_that_a_customer_should_not_hear_are_found(
    check: Callable[..., list[SurveyFinding]], place: int, words: str, rule: str, standard: str
) -> None:
    found = check(asking(place, words))
    ids = ("overall", "solved", "reason", "recommend")
    assert (rule, ids[place], standard) in rules(found)
    assert {one.facts["language"] for one in found} == {"zh-CN"}


@pytest.mark.parametrize(
    "words",
    [
        "请按1到5打分，5分最高。",
        "您对这次服务是否满意？非常满意请按5，满意请按4，一般请按3，不太满意请按2，不满意请按1，人工服务请按0。",
        "从一星到五星，五星最好，请您评价。",
        "您十分满意请按五，不满意请按一。",
        "请您为师傅的态度打分，一分最低，五分最高，大约需要一分钟。",
    ],
)
def test_good_words_are_left_alone(check: Callable[..., list[SurveyFinding]], words: str) -> None:
    assert check(asking(OVERALL, words)) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("Please rate the visit from 1 to 10, 10 is the best.", "mixed_scale"),
        ("Please rate the visit from one to ten, ten is the best.", "mixed_scale"),
        ("Please rate the visit: 1 is the best, 5 the worst.", "reversed_scale"),
        ("Press 1 for excellent and press 5 for very poor.", "reversed_scale"),
        ("Please rate the visit.", "scale_unsaid"),
        ("Wouldn't you agree that it was good? 1 is the lowest, 5 the highest.", "leading"),
        ("How were the price and the quality? 1 is the lowest, 5 the highest.", "double"),
        ("5 is the highest. There is a special offer this week.", "advertising"),
    ],
)
def test_english_words_are_checked_too(check: Callable[..., list[SurveyFinding]], words: str, rule: str) -> None:
    def change(survey: Data) -> None:
        survey["questions"][OVERALL]["ask"]["en"] = words

    assert rules(check(change))[0][:2] == (rule, "overall")


def test_the_purpose_is_told_with_respect_and_sells_nothing(check: Callable[..., list[SurveyFinding]]) -> None:
    found = check(said={"survey_after_service_purpose": "想请你评价，现在充值有优惠。"})
    assert {(one.rule, one.question) for one in found} == {("informal", ""), ("advertising", "")}


def test_a_choice_names_each_of_its_keys(check: Callable[..., list[SurveyFinding]]) -> None:
    choices = {"1": {"zh-CN": "门店", "en": "Garage"}, "2": {"zh-CN": "上门"}}
    words = {"zh-CN": "您在哪里取的车？门店请按1，上门请按2。", "en": "Where did you get it? At the garage press 1."}
    question = {"id": "place", "kind": "choice", "ask": words, "choices": choices}
    found = check(lambda survey: survey["questions"].append(question))
    assert rules(found) == [("key_unsaid", "place", "S26"), ("no_choice_label", "place", "S19")]


def test_who_cannot_end_it_or_reach_a_person_is_trapped(check: Callable[..., list[SurveyFinding]]) -> None:
    assert {one.rule for one in check(said={"survey_convenient": "现在方便吗？方便请按1，人工请按0。"})} == {
        "no_way_out"
    }
    found = check(said={"survey_convenient": "现在方便吗？方便请按1，不再接听请按9。"})
    assert {(one.rule, one.standard) for one in found} == {("no_person", "S16")}
    found = check(said={"survey_convenient": ""})
    assert {one.rule for one in found} == {"no_way_out", "no_person", "no_prompt"}


def test_what_is_not_translated_is_found(check: Callable[..., list[SurveyFinding]]) -> None:
    def change(survey: Data) -> None:
        del survey["label"]["en"], survey["purpose"]["en"], survey["questions"][SOLVED]["ask"]["en"]

    assert rules(check(change)) == [("no_label", "", "S19"), ("no_purpose", "", "S19"), ("no_words", "solved", "S19")]


# --- length ------------------------------------------------------------------------------------------


def test_a_call_over_three_minutes_is_found_by_the_length_of_its_sounds(
    check: Callable[..., list[SurveyFinding]],
) -> None:
    def change(survey: Data) -> None:
        survey["minutes"] = 3
        survey["questions"][REASON]["seconds"] = 120

    found = check(change)
    # Seven prompts before the first question, with two answers; hint, three questions and their answers,
    # the comment with its thanks, sorry, goodbye: of four seconds each.
    whole = 4 * 7 + 2 * 4 + 4 + 3 * 8 + (4 + 120 + 4) + 4 + 4
    assert [(one.rule, one.facts["seconds"]) for one in found] == [("too_long", whole)] * 2
    assert found[0].facts["way"] == "overall, solved, reason, recommend"


def test_a_typed_number_takes_longer_for_it_is_read_back(check: Callable[..., list[SurveyFinding]]) -> None:
    """Question, two prompts around the number, the number itself, two answers: 22 s; a key takes 8 s."""

    def change(survey: Data) -> None:
        survey["questions"] = [
            {"id": f"days{n}", "kind": "number", "ask": survey["questions"][SOLVED]["ask"]} for n in range(3)
        ]
        survey["minutes"] = 1

    found = check(change)
    assert [(one.rule, one.facts["seconds"]) for one in found] == [("minutes_short", 3 * 22 + 4 + 4)] * 2


def test_only_the_longest_way_counts(check: Callable[..., list[SurveyFinding]]) -> None:
    """Of two comments that exclude each other a customer speaks only one."""

    def change(survey: Data) -> None:
        survey["minutes"] = 3
        praise = copy.deepcopy(survey["questions"][REASON])
        praise |= {"id": "praise", "only_if": {"overall": ["5"]}, "seconds": 75}
        survey["questions"].append(praise)

    assert check(change) == []


def test_minutes_told_must_not_be_fewer_than_the_questions_take(check: Callable[..., list[SurveyFinding]]) -> None:
    found = check(lambda survey: survey.update(minutes=1))
    assert [(one.rule, one.facts["minutes"]) for one in found] == [("minutes_short", 1)] * 2


def test_a_question_that_goes_on_and_on_is_found(check: Callable[..., list[SurveyFinding]]) -> None:
    found = check(seconds=lambda prompt: 12.5 if prompt.endswith("_solved") else 2.0)
    assert rules(found) == [("long_question", "solved", "S26")] * 2


def test_what_has_no_sound_is_named_and_not_taken_for_short(check: Callable[..., list[SurveyFinding]]) -> None:
    found = check(seconds=lambda prompt: None if prompt == "survey_after_service_overall" else 400.0)
    assert [one.message for one in found] == [
        f"{language}: no sound for survey_after_service_overall" for language in ("zh-CN", "en")
    ]


# --- the course --------------------------------------------------------------------------------------


def test_more_than_seven_questions_on_one_way_are_too_many(check: Callable[..., list[SurveyFinding]]) -> None:
    def change(survey: Data, more: int) -> None:
        question = survey["questions"][SOLVED]
        survey["questions"] += [copy.deepcopy(question) | {"id": f"more{number}"} for number in range(more)]

    assert check(lambda survey: change(survey, 3), seconds=lambda prompt: 1.0) == []
    found = check(lambda survey: change(survey, 4), seconds=lambda prompt: 1.0)
    assert [(one.rule, one.level, one.facts["questions"]) for one in found] == [("too_many", "warning", 8)]


@pytest.mark.parametrize(
    "only_if",
    [
        {"overall": []},
        {"reason": ["1"]},  # a comment's answer is its recording
        {"overall": ["1"], "solved": []},
    ],
)
def test_a_question_that_no_answers_lead_to_is_found(
    check: Callable[..., list[SurveyFinding]], only_if: dict[str, list[str]]
) -> None:
    found = check(lambda survey: survey["questions"][RECOMMEND].update(only_if=only_if))
    assert rules(found) == [("never_asked", "recommend", "S26")]


def test_a_question_behind_answers_that_exclude_each_other_is_never_asked(
    check: Callable[..., list[SurveyFinding]],
) -> None:
    def change(survey: Data) -> None:
        survey["questions"][SOLVED]["only_if"] = {"overall": ["5"]}
        survey["questions"][RECOMMEND]["only_if"] = {"overall": ["1"], "solved": ["1"]}

    assert rules(check(change)) == [("never_asked", "recommend", "S26")]


# --- windows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "rule"),
    [
        ({}, "no_hours"),
        ({"mon-sun": "05:00-07:30"}, "no_hours"),
        ({"mon-sun": "07:00-12:00"}, "hours_outside"),
        ({"mon-fri": "09:00-12:00", "sat": "20:30-22:00"}, "hours_outside"),
    ],
)
def test_hours_in_which_nobody_may_be_rung_are_found(
    check: Callable[..., list[SurveyFinding]], hours: dict[str, str], rule: str
) -> None:
    found = check(lambda survey: survey.update(hours=hours))
    assert rules(found) == [(rule, "", "S26")]
    assert "08:00-21:00" in found[0].message


# --- the findings themselves -------------------------------------------------------------------------


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    source = (ROOT / "ivr" / "hotline" / "survey_lint.py").read_text(encoding="utf-8")
    used = set(re.findall(r'"(?:error|warning)", "S\d+", "(\w+)"', source)) | {"no_way_out", "no_person"}
    assert used == set(ADVICE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_say_every_finding_and_what_to_do_in_both_languages(language: str) -> None:
    for rule, (message, remedy) in ADVICE.items():
        for key, own in ((f"survey.rule.{rule}", message), (f"survey.remedy.{rule}", remedy)):
            assert set(re.findall(r"{\w+}", texts(language)[key])) >= set(re.findall(r"{\w+}", own)) - {"{language}"}, (
                key
            )


def test_a_finding_names_survey_question_clause_and_remedy(check: Callable[..., list[SurveyFinding]]) -> None:
    (found,) = check(asking(OVERALL, "请你打分，5分最高。"))
    assert (found.survey, found.question, found.standard) == ("after_service", "overall", "S2")
    assert found.message == "zh-CN: says 你"
    assert found.remedy == "say 您"


def test_every_prompt_of_a_survey_call_is_known_here(prompts: PromptStore) -> None:
    own = {name for name, _ in survey_texts(prompts.hotline, "zh-CN")}
    written = {name for _, name in prompts.prompts if name.startswith(("survey_", "holiday_"))}
    assert written - own | {"recording_notice"} == set(EVERY_SURVEYS)

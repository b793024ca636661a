"""Shares and scores: between what the truth may lie, and what counts as satisfied or as recommending."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.surveys.figures import FEW, Rate, Recommendation, Recommending, median, satisfaction, satisfied_answers

counts = st.integers(min_value=0, max_value=10_000)
rates = st.builds(lambda good, bad: Rate(good, good + bad), counts, counts)
scores = st.builds(Recommendation, counts, counts, counts)
scales = st.integers(min_value=2, max_value=8)


@given(rates)
def test_a_share_lies_within_its_interval_and_the_interval_within_0_and_100(rate: Rate) -> None:
    if not rate.of:
        assert rate.percent is None and rate.interval is None
        return
    assert rate.percent is not None and rate.interval is not None
    low, high = rate.interval
    assert 0 <= low <= rate.percent <= high <= 100
    assert low < high  # nobody is ever quite sure


@given(rates.filter(lambda rate: rate.of > 0), st.integers(min_value=2, max_value=50))
def test_more_answers_of_the_same_kind_make_a_share_surer(rate: Rate, times: int) -> None:
    narrow, wide = Rate(rate.count * times, rate.of * times).interval, rate.interval
    assert narrow and wide and narrow[1] - narrow[0] < wide[1] - wide[0]


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Table I of R. G. Newcombe, Statistics in Medicine 17 (1998), method 3.
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_wilsons_interval_is_the_published_one(count: int, of: int, low: float, high: float) -> None:
    assert Rate(count, of).interval == pytest.approx((low, high), abs=0.005)


@given(scores)
def test_a_score_lies_within_its_interval_and_the_interval_within_its_bounds(score: Recommendation) -> None:
    if not score.of:
        assert score.score is None and score.interval is None
        return
    assert score.score is not None and score.interval is not None
    low, high = score.interval
    assert -100 <= low < high <= 100
    assert low - 1e-9 <= score.score <= high + 1e-9


@given(scores)
def test_a_score_turned_round_has_its_interval_turned_round(score: Recommendation) -> None:
    turned = Recommendation(score.detractors, score.passives, score.promoters)
    if score.interval is not None:
        assert turned.interval == pytest.approx((-score.interval[1], -score.interval[0]))


@given(scales)
def test_every_answer_of_a_scale_promotes_or_detracts_or_neither_and_the_best_and_worst_are_what_they_are(
    scale: int,
) -> None:
    rule = Recommending(scale)
    assert str(scale) in rule.promoting and "1" in rule.detracting
    assert not set(rule.promoting) & set(rule.detracting)
    assert rule.promoting == sorted(rule.promoting) and max(rule.detracting) < min(rule.promoting)


def test_of_a_scale_of_five_5_promotes_4_is_passive_and_the_rest_detract() -> None:
    rule = Recommending(5)
    assert (rule.promoting, rule.detracting) == (["5"], ["1", "2", "3"])
    score = rule.of({"5": 6, "4": 3, "3": 1, "1": 2})
    assert (score.promoters, score.passives, score.detractors, score.score) == (6, 3, 3, 25.0)


@given(scales, st.dictionaries(st.sampled_from([*"0123456789", "", "x"]), counts))
def test_answers_that_a_scale_does_not_have_count_neither_above_nor_below(scale: int, answers: dict[str, int]) -> None:
    known = sum(answers.get(str(step), 0) for step in range(1, scale + 1))
    assert Recommending(scale).of(answers).of == satisfaction(answers, scale).of == known
    assert satisfaction(answers, scale).count <= known


@pytest.mark.parametrize(("scale", "best"), [(2, ["2"]), (3, ["3"]), (4, ["3", "4"]), (5, ["4", "5"]), (8, ["7", "8"])])
def test_satisfied_is_who_gave_one_of_the_two_best_answers(scale: int, best: list[str]) -> None:
    assert satisfied_answers(scale) == best


def test_few_answers_are_known_as_few() -> None:
    assert [Rate(0, of).few for of in (0, FEW - 1, FEW)] == [True, True, False]
    assert [Recommendation(of, 0, 0).few for of in (FEW - 1, FEW)] == [True, False]


@given(st.lists(st.integers(min_value=0, max_value=9999)))
def test_the_median_has_as_many_below_as_above(numbers: list[int]) -> None:
    middle = median({number: numbers.count(number) for number in numbers})
    if not numbers:
        assert middle is None
        return
    assert middle is not None
    assert sum(number < middle for number in numbers) <= len(numbers) / 2
    assert sum(number > middle for number in numbers) <= len(numbers) / 2

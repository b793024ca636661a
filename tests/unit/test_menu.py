"""No path through a menu traps a caller."""

from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.menu import PATIENCE, STEPS, MenuWalk, Step
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT

SAMPLE = load_hotline(ROOT / "hotline.yaml")
keys = st.lists(st.one_of(st.none(), st.sampled_from("0123456789*#")), min_size=STEPS, max_size=STEPS)


@st.composite
def businesses(draw: st.DrawFn) -> Hotline:
    """Menus that lead anywhere, into circles too, with or without a key 0."""
    names = ["main", "booking", "deep"]
    target = st.one_of(
        st.sampled_from(names).map(lambda menu: {"menu": menu}),
        st.sampled_from(["service", "booking"]).map(lambda queue: {"queue": queue}),
        st.just({"language": "en"}),
        st.just({"say": "address"}),
        st.sampled_from(["service", "booking"]).map(lambda queue: {"message": queue}),
    )
    option = target.map(lambda leads: {"label": {"zh-CN": "某事", "en": "something"}, **leads})
    person = st.just({"label": {"zh-CN": "人工"}, "queue": "service"})
    menu = st.tuples(
        st.dictionaries(st.sampled_from("123456789"), option, min_size=1, max_size=5),
        st.one_of(st.just({}), st.fixed_dictionaries({"0": person})),
    ).map(lambda parts: {"options": {**parts[0], **parts[1]}})
    data = SAMPLE.model_dump(mode="json", exclude={"menus", "queues", "surveys"})
    data["menus"] = {name: draw(menu) for name in names}
    data["queues"] = {
        name: {"label": queue.label, "hours": "always", "agents": queue.agents} for name, queue in SAMPLE.queues.items()
    }
    return Hotline.model_validate(data)


def walk_to_the_end(hotline: Hotline, pressed: list[str | None]) -> tuple[MenuWalk, list[Step]]:
    walk, steps = MenuWalk(hotline), []
    for key in pressed:
        steps.append(walk.press(key))
        if steps[-1].leads_out:
            break
    return walk, steps


@given(businesses(), keys)
def test_whatever_is_pressed_the_menu_ends_at_a_queue_that_exists(hotline: Hotline, pressed: list[str | None]) -> None:
    _, steps = walk_to_the_end(hotline, pressed)

    assert (steps[-1].queue or steps[-1].message) in hotline.queues
    assert len(steps) <= STEPS


@given(businesses(), keys, st.integers(0, STEPS - 1))
def test_0_reaches_a_person_from_wherever_the_caller_is(
    hotline: Hotline, pressed: list[str | None], before: int
) -> None:
    walk = MenuWalk(hotline)
    for key in pressed[:before]:
        if walk.press(key).leads_out:
            return

    assert walk.press("0").queue in hotline.queues


@given(businesses(), keys)
def test_there_is_always_a_menu_to_say(hotline: Hotline, pressed: list[str | None]) -> None:
    walk = MenuWalk(hotline)
    for key in pressed:
        assert walk.prompts[-1] in (hotline.menu_prompt(walk.menu), "after_info")
        if walk.press(key).leads_out:
            return


@given(st.sampled_from([None, "7"]))
def test_patience_with_wrong_keys_and_with_silence_ends_at_a_person(key: str | None) -> None:
    _, steps = walk_to_the_end(SAMPLE, [key] * STEPS)

    assert len(steps) == PATIENCE
    assert steps[-1].helped
    assert steps[-1].queue == "service"


@given(businesses(), keys)
def test_wrong_keys_and_silence_are_counted_apart_and_never_both_to_their_ends(
    hotline: Hotline, pressed: list[str | None]
) -> None:
    _, steps = walk_to_the_end(hotline, pressed)

    for event in ("menu.wrong_key", "menu.silent"):
        assert sum(step.event == event for step in steps) <= PATIENCE
    helped = [step for step in steps if step.helped]
    assert len(helped) <= 1 and all(step.queue for step in helped)


def test_a_caller_who_knows_the_menu_hears_the_shorter_wording_once_and_the_full_one_on_request() -> None:
    walk = MenuWalk(SAMPLE, lambda prompt: f"{prompt}_short")
    said = [walk.prompts]
    for key in ("*", "1", "#", "1"):
        walk.press(key)
        said.append(walk.prompts)

    assert said == [["menu_main_short"], ["menu_main"], ["menu_booking_short"], ["menu_main"], ["menu_booking"]]


def test_the_reason_forgets_a_branch_that_the_caller_left_again() -> None:
    walk, _ = walk_to_the_end(SAMPLE, ["1", "#", "3"])

    assert walk.reason == "投诉建议"

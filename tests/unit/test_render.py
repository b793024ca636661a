"""Asterisk's configuration: what is written, who may read it, and what is refused."""

import configparser
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hotline, load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, StatePaths
from ivr.telephony.render import FILTERS, RenderError, render
from ivr.telephony.runtime import RuntimeFolders

SAMPLE = load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def folders(tmp_path: Path) -> RuntimeFolders:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "res_cdrel_custom.so").touch()
    return RuntimeFolders(tmp_path / "modules", tmp_path / "data")


@pytest.fixture
def instance(paths: StatePaths) -> Instance:
    return Instance.create(paths, SAMPLE.agents)


def written(paths: StatePaths, name: str) -> str:
    return (paths.asterisk / "etc" / name).read_text(encoding="utf-8")


def test_everything_that_asterisk_writes_stays_in_the_state_folder(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    reader = configparser.ConfigParser(delimiters=("=>", "="), comment_prefixes=(";",), interpolation=None)
    reader.read_string(written(paths, "asterisk.conf"))

    places = dict(reader["directories"])
    own = {name: place for name, place in places.items() if name not in ("astmoddir", "astdatadir")}
    sockets = own.pop("astrundir")  # elsewhere when the state folder's path is too long for a socket
    assert sockets == str(paths.run)
    assert all(Path(place).is_relative_to(paths.state) for place in own.values())
    assert places["astlogdir"] == str(paths.journal)
    assert reader["options"]["systemname"] == instance.system_name
    assert reader["options"]["live_dangerously"] == "no"


def test_files_with_secrets_are_readable_by_their_owner_alone(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    files = list((paths.asterisk / "etc").iterdir())

    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert instance.ami_secret in written(paths, "manager.conf")
    assert all(secret in written(paths, "pjsip.conf") for secret in instance.agent_secrets.values())


def test_rendering_again_writes_the_same_and_leaves_no_drafts(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    before = {file.name: file.read_bytes() for file in (paths.asterisk / "etc").iterdir()}
    render(SAMPLE, instance, paths, folders)

    assert {file.name: file.read_bytes() for file in (paths.asterisk / "etc").iterdir()} == before


def test_nobody_is_answered_anonymously_and_nothing_outbound_is_dialable(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    pjsip, modules, dialplan = (written(paths, n) for n in ("pjsip.conf", "modules.conf", "extensions.conf"))

    assert "anonymous" not in pjsip
    assert "anonymous" not in modules
    assert "autoload = no" in modules
    dialled = [line for line in dialplan.splitlines() if "Dial(" in line]
    outside = [line for line in dialled if "trunk-" in line or "sip:" in line]
    ways = [re.search(r"\$\{(\w+)\}@", line) for line in outside]
    assert [way and way[1] for way in ways] == ["CALLBACK_NUMBER", "SURVEY_NUMBER", "RETURN_NUMBER"], "what we place"


def test_who_is_on_duty_is_no_configuration(paths: StatePaths, instance: Instance, folders: RuntimeFolders) -> None:
    """A reload must log nobody in or out: queues.conf names no members, and Asterisk keeps its own."""
    render(SAMPLE, instance, paths, folders)
    queues = written(paths, "queues.conf")

    assert "[booking](waiting)" in queues and "[on-duty]" in queues
    assert "member =>" not in queues
    assert "persistentmembers = yes" in queues
    assert "joinempty =" not in queues


def test_the_manager_interface_gives_no_account_more_than_it_needs(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    manager = written(paths, "manager.conf")

    granted = [line.split("=")[1] for line in manager.splitlines() if line.startswith(("read =", "write ="))]
    classes = {word.strip() for grant in granted for word in grant.split(",")} - {""}
    assert classes == {"agent", "call", "originate", "reporting"}, "neither system nor command nor config"
    assert "bindaddr = 127.0.0.1" in manager


def test_each_flow_can_be_run_as_a_classic_script(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders
) -> None:
    render(SAMPLE, instance, paths, folders)
    script = paths.asterisk / "agi-bin" / "hotline.py"

    assert stat.S_IMODE(script.stat().st_mode) == 0o700
    assert str(ROOT / "agi_scripts" / "hotline.py") in script.read_text()


def test_an_older_asterisk_gets_the_older_journal_mapping(
    paths: StatePaths, instance: Instance, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    render(SAMPLE, instance, paths, RuntimeFolders(tmp_path / "old", tmp_path / "data"))

    assert "CSV_QUOTE(${eventtype})" in written(paths, "cel_custom.conf")
    assert "cdrel" not in written(paths, "modules.conf")


@pytest.mark.parametrize("label", ["服务;x", "a\nb", "${SHELL(id)}", 'say "x"', "a,b", "x]"])
def test_a_label_that_the_dialplan_would_read_as_something_else_is_refused(
    paths: StatePaths, instance: Instance, folders: RuntimeFolders, label: str
) -> None:
    data = SAMPLE.model_dump(mode="json", exclude={"queues", "surveys"})
    data["queues"] = {
        name: {"label": {"zh-CN": label, "en": "x"}, "hours": "always", "agents": queue.agents}
        for name, queue in SAMPLE.queues.items()
    }
    with pytest.raises(RenderError, match="allowed"):
        render(Hotline.model_validate(data), instance, paths, folders)


def test_an_agent_without_a_password_is_named(paths: StatePaths, instance: Instance, folders: RuntimeFolders) -> None:
    poorer = instance.model_copy(update={"agent_secrets": {"1001": "x" * 20}})
    with pytest.raises(RenderError, match="1002"):
        render(SAMPLE, poorer, paths, folders)


@given(st.text(min_size=1), st.sampled_from(sorted(set(FILTERS) - {"sh", "network"})))
def test_no_checked_value_can_begin_a_comment_a_line_or_a_variable(text: str, name: str) -> None:
    try:
        checked = FILTERS[name](text)
    except RenderError:
        return
    assert not set(checked) & set(";\n\r\x00${}[]\"'\\|&,") or (name == "path" and "," not in checked)


@pytest.mark.parametrize("network", ["not a network", "127.0.0.1/33", "0.0.0.0/0\npermit=x"])
def test_a_network_that_is_none_is_refused(network: str) -> None:
    with pytest.raises(ValueError):
        FILTERS["network"](network)

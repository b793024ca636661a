"""What a person types wrong, or a machine lacks, ends as one clear line and an exit code."""

import datetime as dt
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from ivr.cli import PARTS, command_line
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings, SettingsUnusable, read_settings
from ivr.store.live import LiveBoard
from ivr.store.migrate import migrate_store
from ivr.store.session import open_store


def ivr(settings: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {"IVR_VOICE_ENGINE": "espeak", "IVR_STATE_DIR": str(settings.state_dir), **environment}
    return subprocess.run(
        [sys.executable, "-m", "ivr", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def says_in_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    line = done.stderr.strip()
    assert line.startswith("ivr: ")
    assert "\n" not in line
    for word in words:
        assert word in line


@pytest.fixture
def instance(settings: Settings) -> Instance:
    settings.paths.create()
    return Instance.create(settings.paths, load_hotline(ROOT / "hotline.yaml").agents)


def test_a_bad_business_file_is_named_by_its_line(settings: Settings, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((ROOT / "hotline.yaml").read_text().replace("default_queue: service", "default_queue: sales"))
    for command in (("hotline", "check"), ("up", "--detach"), ("reload",)):
        says_in_one_line(ivr(settings, *command, IVR_HOTLINE_FILE=str(bad)), f"{bad}:", "default_queue", "booking")


def test_a_taken_port_is_named_before_anything_starts(settings: Settings, instance: Instance) -> None:
    with socket.socket() as other:
        other.bind((instance.web_host, instance.web))
        other.listen()
        says_in_one_line(ivr(settings, "up", "--detach"), f"Port {instance.web} (web)", "Remedy")
    assert not (settings.paths.state / "supervisord.conf").exists()


def test_a_state_folder_that_cannot_be_made_is_one_line(settings: Settings) -> None:
    says_in_one_line(ivr(settings, "up", "--detach", "--state", "/proc/nowhere"), "/proc/nowhere", "--state")


def test_an_address_that_is_not_ours_is_one_line(settings: Settings) -> None:
    says_in_one_line(ivr(settings, "up", "--detach", IVR_BIND_HOST="192.0.2.1"), "192.0.2.1", "IVR_BIND_HOST")


def test_a_damaged_instance_file_is_never_overwritten(settings: Settings) -> None:
    settings.paths.create()
    settings.paths.instance_file.write_text("{")
    says_in_one_line(ivr(settings, "up", "--detach"), "instance.json", "move it away")
    assert settings.paths.instance_file.read_text() == "{"


def test_a_database_that_is_not_there_is_one_line(settings: Settings) -> None:
    done = ivr(settings, "calls", IVR_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    says_in_one_line(done, "database", "IVR_DATABASE_URL")
    says_in_one_line(ivr(settings, "calls", IVR_DATABASE_URL="mysql://x"), "postgresql://")


def test_what_is_not_running_says_how_to_start_it(settings: Settings) -> None:
    for command in ("down", "status", "agents"):
        says_in_one_line(ivr(settings, command), "ivr up")


def test_a_pause_is_told_by_the_words_of_its_reason(settings: Settings) -> None:
    settings.paths.create()
    Instance.create(settings.paths, ["1001"])
    store = open_store(settings.store_url)
    migrate_store(store)
    with store.write() as session:
        board = {"agents": {"1001": {"state": "paused", "reason": "2", "desk": "1001"}}}
        session.merge(LiveBoard(id=1, version=1, at=dt.datetime.now(dt.UTC), board=board))
    store.close()
    assert "用餐" in ivr(settings, "agents", "list").stdout
    assert json.loads(ivr(settings, "agents", "list", "--json").stdout)[0]["reason"] == "2"


def test_an_unknown_call_points_to_the_list(settings: Settings) -> None:
    settings.paths.create()
    assert ivr(settings, "ingest", "--once").returncode == 0
    says_in_one_line(ivr(settings, "call", "nope"), "ivr calls")
    assert json.loads(ivr(settings, "calls", "--json").stdout) == []


def test_a_survey_is_checked_and_drawn(settings: Settings, tmp_path: Path) -> None:
    words = (ROOT / "hotline.yaml").read_text(encoding="utf-8").replace("1分最低，5分最高", "1分最低，10分最高")
    bad = tmp_path / "bad.yaml"
    bad.write_text(words, encoding="utf-8")
    done = ivr(settings, "survey", "check", "--json", IVR_HOTLINE_FILE=str(bad))
    assert done.returncode == 1
    found = {one["rule"]: one for one in json.loads(done.stdout)}
    assert set(found) == {"mixed_scale", "no_sound"}  # nothing is spoken yet
    assert (found["mixed_scale"]["question"], found["mixed_scale"]["standard"]) == ("overall", "S26")
    drawn = ivr(settings, "survey", "show", "after_service").stdout
    assert drawn.index("overall") < drawn.index("overall = 1/2 → reason") < drawn.index("solved")
    says_in_one_line(ivr(settings, "survey", "show", "nope"), "after_service")


def test_the_doctor_names_what_is_wrong_and_what_helps(settings: Settings, instance: Instance) -> None:
    settings.paths.instance_file.chmod(0o644)
    done = ivr(settings, "doctor", "--json", IVR_VOSK_MODEL="/")
    assert done.returncode == 1
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert "not a Vosk model" in findings["speech model"]["seen"]
    assert "chmod 600" in findings["secrets"]["remedy"]
    assert "ivr prompts build" in findings["prompts"]["remedy"]
    assert findings["Python"]["ok"]
    assert findings["business file"]["ok"]


def test_accounts_are_made_listed_and_given_new_passwords(settings: Settings) -> None:
    settings.paths.create()
    ivr(settings, "ingest", "--once")
    assert "shown this once" in ivr(settings, "users", "add", "1001", "--name", "王").stdout
    assert json.loads(ivr(settings, "users", "list", "--json").stdout) == [
        {"login": "1001", "name": "王", "role": "agent", "work_number": None}
    ]
    assert ivr(settings, "users", "add", "chief", "--role", "supervisor", "--work-number", "1003").returncode == 0
    says_in_one_line(ivr(settings, "users", "add", "1003"), "chief")
    says_in_one_line(ivr(settings, "users", "work-number", "chief", "1001"), "account 1001")
    assert ivr(settings, "users", "work-number", "chief").returncode == 0
    says_in_one_line(ivr(settings, "users", "add", "1001"), "taken")
    says_in_one_line(ivr(settings, "users", "add", "x", "--role", "king"), "supervisor")
    assert ivr(settings, "users", "password", "1001").returncode == 0
    says_in_one_line(ivr(settings, "users", "password", "1009"), "1009")


@pytest.mark.parametrize("part", PARTS)
def test_every_command_is_found_without_loading_the_others(part: str) -> None:
    """The table of commands names what each module registers, all of it and nothing else."""
    asked = get_command(command_line([PARTS[part][0]]))
    assert isinstance(asked, TyperGroup)
    assert set(asked.commands) == set(PARTS[part])


def test_all_commands_are_listed_together() -> None:
    everything = get_command(command_line(["--help"]))
    assert isinstance(everything, TyperGroup)
    assert set(everything.commands) == {command for commands in PARTS.values() for command in commands}


@pytest.mark.parametrize(("name", "value"), [("IVR_WEB_PROXIES", "192.0.2.0/24, somewhere"), ("IVR_VOICE_ENGINE", "x")])
def test_a_setting_that_cannot_be_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsUnusable) as refused:
        read_settings()
    assert str(refused.value).startswith(name) and "\n" not in str(refused.value)
    assert "Value error" not in str(refused.value)

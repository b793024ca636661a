"""Ports and secrets belong to one instance alone."""

import re
import socket
import stat

import pytest

from ivr.instance import Instance, InstanceError, PortTaken
from ivr.settings import StatePaths


def test_secrets_are_generated_and_nobody_else_can_read_them(paths: StatePaths) -> None:
    instance = Instance.create(paths, ["1001", "1002"])
    assert stat.S_IMODE(paths.instance_file.stat().st_mode) == 0o600
    assert len({*instance.agent_secrets.values(), instance.ami_secret, instance.web_secret}) == 4
    assert Instance.load(paths) == instance


def test_a_new_agent_gets_a_password_and_the_others_keep_theirs(paths: StatePaths) -> None:
    before = Instance.create(paths, ["1001"])
    after = before.with_agents(paths, ["1001", "1004"])
    assert after.agent_secrets["1001"] == before.agent_secrets["1001"]
    assert Instance.load(paths).agent_secrets.keys() == {"1001", "1004"}


def test_a_taken_port_is_named_with_its_purpose(paths: StatePaths) -> None:
    instance = Instance.create(paths, ["1001"])
    with socket.socket() as other:
        other.bind((instance.host, instance.web))
        other.listen()
        with pytest.raises(PortTaken, match=rf"Port {instance.web} \(web\)"):
            instance.require_free_ports()
    instance.require_free_ports()


def test_no_instance_and_a_damaged_one_are_told_apart(paths: StatePaths) -> None:
    with pytest.raises(InstanceError, match="No instance"):
        Instance.load(paths)
    paths.instance_file.write_text("{")
    with pytest.raises(InstanceError, match="cannot be read"):
        Instance.load(paths)


def test_two_instances_have_different_names(paths: StatePaths) -> None:
    assert Instance.create(paths, []).system_name != Instance.create(paths, []).system_name


def test_sip_passwords_are_of_letters_that_no_phone_and_no_person_takes_for_others(paths: StatePaths) -> None:
    instance = Instance.create(paths, [str(number) for number in range(1000, 1200)])
    assert all(re.fullmatch("[a-kmnp-z2-9]{16}", secret) for secret in instance.agent_secrets.values())
    assert all(re.fullmatch("[0-9]{6}", pin) for pin in instance.agent_pins.values())

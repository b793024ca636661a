"""Callers' names and numbers do not stay in Asterisk's own log (S24)."""

from pathlib import Path

import pytest

from ivr.telephony.asterisk_log import LogMask

WHEN = b"[2026-11-28 07:26:41.401] WARNING[9927] res_pjsip.c: "
USUAL = WHEN + b"Endpoint 1001 is unreachable\n"


def told(name: bytes, number: bytes) -> bytes:
    return WHEN + b"CallerID Name '" + name + b"' for number '" + number + b"' has invalid UTF-8 characters\n"


@pytest.mark.standards("S24")
def test_s24_a_caller_whose_name_is_no_utf8_stays_in_no_log(tmp_path: Path) -> None:
    file = tmp_path / "asterisk.log"
    mask = LogMask(file)
    assert mask.look() == 0, "there is no log yet"
    file.write_bytes(USUAL + told(b"\xcd\xf5\xd0\xa1", b"13800001230") + USUAL)
    assert mask.look() == 1
    assert file.read_bytes() == USUAL + told(b"****", b"***********") + USUAL
    with file.open("ab") as asterisk:
        asterisk.write(told(b"it's \xff", b"+8613800001231"))
        asterisk.flush()
        assert mask.look() == 1
        asterisk.write(USUAL)
    assert file.read_bytes().endswith(told(b"*" * 6, b"*" * 14) + USUAL)


def test_a_line_that_is_still_being_written_is_masked_when_it_is_whole(tmp_path: Path) -> None:
    file, line = tmp_path / "asterisk.log", told(b"\xff", b"13800001230")
    mask = LogMask(file)
    file.write_bytes(line[:90])
    assert mask.look() == 0
    file.write_bytes(line)
    assert mask.look() == 1 and b"1380" not in file.read_bytes()


def test_a_new_file_is_masked_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "asterisk.log"
    mask = LogMask(file)
    file.write_bytes(USUAL * 9)
    mask.look()
    file.write_bytes(told(b"\xff", b"13800001230"))
    assert mask.look() == 1 and b"1380" not in file.read_bytes()

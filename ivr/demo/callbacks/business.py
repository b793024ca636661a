"""The business of the demonstration, and the visits after which it rings."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import yaml

from ivr.demo.callbacks.characters import CHARACTERS, Cast
from ivr.errors import IvrError
from ivr.settings import OWN_BUSINESS, Settings

BUSINESS = Path(__file__).with_name("business.yaml")
SURVEY, TRUNK = "after_service", "carrier"

_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = (("女士", ("秀英", "丽娟", "桂兰", "静")), ("先生", ("建国", "志强", "海涛", "明")))
_SERVED_BY = ("一号车间", "二号车间", "三号车间")


class StateFolderTaken(IvrError):
    """The folder for the demonstration's instance holds one already."""


def early_afternoon(now: dt.datetime) -> str:
    """A time zone in which it is between twelve and one: surveys ring by day alone."""
    hours = 12 - now.astimezone(dt.UTC).hour
    return f"Etc/GMT{'-' if hours > 0 else '+'}{abs(hours)}" if hours else "Etc/GMT"


def set_up(settings: Settings, state_dir: Path, port: int, now: dt.datetime) -> Settings:
    """The settings of an instance in this folder with the demonstration's business, whose carrier listens at `port`.

    Raises StateFolderTaken.
    """
    own = settings.model_copy(
        update={"state_dir": state_dir, "hotline_file": state_dir / OWN_BUSINESS, "database_url": None}
    )
    if own.paths.instance_file.exists():
        raise StateFolderTaken(f"{state_dir} holds an instance already.", "choose an empty folder with --state")
    business: dict[str, Any] = yaml.safe_load(BUSINESS.read_text(encoding="utf-8"))
    business["hotline"]["timezone"] = early_afternoon(now)
    business["trunks"][TRUNK]["port"] = port
    own.paths.create()
    own.hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return own


def visits_table(cast: Cast, now: dt.datetime) -> bytes:
    """A workshop's table of visits (CSV), one of each customer's, which ended a day ago and before, in turn."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["工单号", "姓名", "称谓", "电话", "服务类型", "完成时间", "服务人员", "重点客户"])
    first = now - dt.timedelta(hours=25, minutes=len(cast.members))
    for turn, number in enumerate(cast.members):
        (title, given), round_ = _GIVEN[turn % 2], turn // len(CHARACTERS)
        name = _FAMILY[turn % len(_FAMILY)] + given[(turn // len(_FAMILY)) % len(given)]
        # The next round of kinds has other services: no workshop has all who are not content.
        kind, by = ("保养", "维修")[(turn + round_) % 2], _SERVED_BY[(turn + round_) % len(_SERVED_BY)]
        ended_at = (first + dt.timedelta(minutes=turn)).isoformat(timespec="seconds")
        key = "是" if turn % len(_FAMILY) == 0 else ""
        table.writerow([visit_id(number), name, title, number, kind, ended_at, by, key])
    return out.getvalue().encode()


def visit_id(number: str) -> str:
    """The workshop's own id of this customer's visit."""
    return f"WO-{number[-4:]}"

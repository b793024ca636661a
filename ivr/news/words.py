"""The words of an e-mail about a case, in the language that the business speaks first."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ivr.hotline import Hotline, Language

_WORDS: dict[Language, dict[str, str]] = {
    "zh-CN": {
        "case.opened": "新的跟进事项",
        "case.overdue": "跟进事项已超时",
        "message": "客户留言",
        "low_rating": "低分评价",
        "complaint": "客户投诉",
        "missed_callback": "未能回拨的客户",
        "key": "大客户",
        "body": "{event}：{kind}（{queue}）\n来电号码：{number}\n登记时间：{opened}\n"
        "请于 {due} 前联系客户。\n\n详情：{link}\n",
    },
    "en": {
        "case.opened": "New case",
        "case.overdue": "Overdue case",
        "message": "message from a caller",
        "low_rating": "low rating",
        "complaint": "complaint",
        "missed_callback": "customer who could not be called back",
        "key": "key customer",
        "body": "{event}: {kind} ({queue})\nNumber: {number}\nOpened: {opened}\n"
        "Please be in touch with the customer before {due}.\n\nDetails: {link}\n",
    },
}


def subject_and_text(body: Mapping[str, Any], hotline: Hotline, link: str) -> tuple[str, str]:
    """The subject line and the text of a case's news."""
    language = hotline.languages[0]
    words = _WORDS[language]
    queue = hotline.queues.get(str(body["queue"]))
    label = queue.label.get(language) or next(iter(queue.label.values())) if queue else ""
    event, kind = words[body["event"]], words[body["kind"]]
    if body["key"]:
        kind = f"{kind} · {words['key']}"
    opened, due = (_local(body[name], hotline.zone) for name in ("opened_at", "due_at"))
    text = words["body"].format(
        event=event, kind=kind, queue=label or "—", number=body["number"] or "—", opened=opened, due=due, link=link
    )
    return f"{event} #{body['case']}: {kind}" + (f" · {label}" if label else ""), text


def _local(iso: str, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}"

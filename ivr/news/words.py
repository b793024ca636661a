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
        "case.resolve_soon": "跟进事项即将到期",
        "case.escalated": "跟进事项逾期未办结",
        "message": "客户留言",
        "low_rating": "低分评价",
        "complaint": "客户投诉",
        "missed_callback": "未能回拨的客户",
        "survey_low": "回访低分",
        "survey_complaint": "回访中的投诉",
        "survey_person": "回访时要求人工、未能接通的客户",
        "survey_time": "客户说的回访时间没有听准",
        "key": "大客户",
        "body": "{event}：{kind}（{whose}）\n客户号码：{number}\n登记时间：{opened}\n"
        "请于 {due} 前联系客户，{resolve} 前办结。\n\n详情：{link}\n",
    },
    "en": {
        "case.opened": "New case",
        "case.overdue": "Overdue case",
        "case.resolve_soon": "Case to be put right soon",
        "case.escalated": "Case not put right in time",
        "message": "message from a caller",
        "low_rating": "low rating",
        "complaint": "complaint",
        "missed_callback": "customer who could not be called back",
        "survey_low": "bad answer in a survey",
        "survey_complaint": "complaint in a survey",
        "survey_person": "customer who asked a survey for a person and reached nobody",
        "survey_time": "time for a call that was not understood",
        "key": "key customer",
        "body": "{event}: {kind} ({whose})\nNumber: {number}\nOpened: {opened}\n"
        "Please be in touch with the customer before {due}, and put it right before {resolve}.\n\nDetails: {link}\n",
    },
}


def subject_and_text(body: Mapping[str, Any], hotline: Hotline, link: str) -> tuple[str, str]:
    """The subject line and the text of a case's news."""
    language = hotline.languages[0]
    words = _WORDS[language]
    whose = _whose(body, hotline, language)
    event, kind = words[body["event"]], words[body["kind"]]
    if body["key"]:
        kind = f"{kind} · {words['key']}"
    text = words["body"].format(
        event=event,
        kind=kind,
        whose=whose or "—",
        number=body["number"] or "—",
        opened=_local(body["opened_at"], hotline.zone),
        due=_local(body["due_at"], hotline.zone),
        resolve=_local(body.get("resolve_by"), hotline.zone),
        link=link,
    )
    return f"{event} #{body['case']}: {kind}" + (f" · {whose}" if whose else ""), text


def _whose(body: Mapping[str, Any], hotline: Hotline, language: Language) -> str:
    """The department that answers for it, else the queue it came from."""
    queue = hotline.queues.get(str(body["queue"]))
    label = hotline.departments.get(str(body.get("department"))) or (queue.label if queue else {})
    return label.get(language) or next(iter(label.values()), "")


def _local(iso: str | None, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}" if iso else "—"

"""Telling by web hook, signed so that the receiver knows who speaks.

Source: the Standard Webhooks specification (headers webhook-id, webhook-timestamp, webhook-signature).
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable

import httpx

from ivr.news.outbox import Item, NotSent
from ivr.news.retry import Failure

SECONDS = 5.0
_PREFIX = "whsec_"
_GONE = 410


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature; a secret `whsec_…` is base64, any other is taken as it is."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def post(url: str, secret: str, item: Item, now: Callable[[], dt.datetime], link: str) -> str | None:
    """Send one piece of news; any 2xx is an arrival. Raises NotSent."""
    if not secret:
        raise NotSent(Failure("IVR_WEBHOOK_SECRET is not set"))
    body = json.dumps({**item.body, "link": link}, ensure_ascii=False).encode()
    message_id, timestamp = f"msg_{item.origin.replace(':', '_')}", int(now().timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "three-rings",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotSent(Failure(type(error).__name__)) from error
    if not answer.is_success:
        again = answer.headers.get("retry-after", "")
        wait = float(again) if again.isascii() and again.isdigit() and len(again) < 7 else None
        raise NotSent(Failure(f"HTTP {answer.status_code}", answer.status_code == _GONE, wait))
    return None

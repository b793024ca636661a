"""Telling by e-mail (SMTP, RFC 5321), encrypted wherever the server can."""

import datetime as dt
import ipaddress
import smtplib
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import format_datetime

from ivr.hotline import Hotline
from ivr.hotline.model import Email
from ivr.news.outbox import Item, NotSent
from ivr.news.retry import Failure
from ivr.news.words import subject_and_text

SECONDS = 5.0
_IMPLICIT_TLS = 465
_PERMANENT = 500


def compose(email: Email, item: Item, hotline: Hotline, house: str, now: dt.datetime, link: str) -> EmailMessage:
    """The letter; its Message-ID is the same in every attempt, so a second copy can be told from the first."""
    subject, text = subject_and_text(item.body, hotline, link)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = email.sender, ", ".join(email.to), subject
    letter["Date"] = format_datetime(now.astimezone(hotline.zone))
    letter["Message-ID"] = f"<{item.origin.replace(':', '.')}.{house}@three-rings.invalid>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter


def deliver(
    email: Email,
    letter: EmailMessage,
    user: str = "",
    password: str = "",
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> str | None:
    """Hand the letter to the server; a remark when it took it for some receivers only. Raises NotSent."""
    try:
        with _connect(email, context) as server:
            if user:
                _refuse_open_password(email, server)
                server.login(user, password)
            refused = server.send_message(letter, email.sender, email.to)
    except smtplib.SMTPRecipientsRefused as error:
        final = all(code >= _PERMANENT for code, _ in error.recipients.values())
        raise NotSent(Failure("no receiver was accepted", final)) from error
    except smtplib.SMTPResponseException as error:
        # Wrong passwords are put right by people: worth another try.
        final = error.smtp_code >= _PERMANENT and not isinstance(error, smtplib.SMTPAuthenticationError)
        raise NotSent(Failure(f"SMTP {error.smtp_code}", final)) from error
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise NotSent(Failure(type(error).__name__)) from error
    return f"{len(refused)} of {len(email.to)} receivers were refused" if refused else None


def _connect(email: Email, context: Callable[[], ssl.SSLContext]) -> smtplib.SMTP:
    if email.port == _IMPLICIT_TLS:
        return smtplib.SMTP_SSL(email.host, email.port, timeout=SECONDS, context=context())
    with ExitStack() as undo:
        server = smtplib.SMTP(email.host, email.port, timeout=SECONDS)
        undo.callback(server.close)
        server.ehlo_or_helo_if_needed()
        # Within one machine nobody listens, and such servers have certificates that nobody signed.
        if server.has_extn("starttls") and not _is_loopback(email.host):
            server.starttls(context=context())
            server.ehlo()
        undo.pop_all()
    return server


def _refuse_open_password(email: Email, server: smtplib.SMTP) -> None:
    if isinstance(server.sock, ssl.SSLSocket) or _is_loopback(email.host):
        return
    raise NotSent(Failure("the server offers no encryption: the password is not sent"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

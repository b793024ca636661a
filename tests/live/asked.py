"""What Asterisk is asking a caller at this moment: the key is pressed as soon as it counts, and not before."""

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from ivr.telephony.ami import AmiClient, Message
from ivr.telephony.control import ControlError
from ivr.telephony.duty import control_client
from tests.live.conftest import Running

_POLL_SECONDS = 0.1


class Asked:
    """The dialplan's application on callers' channels (AMI CoreShowChannels); use it as a context manager."""

    def __init__(self, hotline: Running) -> None:
        self._ami: AmiClient = control_client(hotline.instance)

    def __enter__(self) -> "Asked":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ami.close()

    def question(self, call_id: str, prompt: str, seconds: float = 60.0) -> None:
        """Wait until this caller is asked for keys with a prompt."""
        self._until(
            call_id,
            f"the question {prompt}",
            lambda app, data: app == "Read" and any(file.endswith(f"/{prompt}") for file in _files(data)),
            seconds,
        )

    def recording(self, call_id: str, seconds: float = 60.0) -> None:
        """Wait until what this caller says is recorded as a message."""
        self._until(call_id, "the recording", lambda app, data: app == "Record", seconds)

    def _until(self, call_id: str, what: str, is_it: Callable[[str, str], bool], seconds: float) -> None:
        ends = time.monotonic() + seconds
        doing: list[tuple[str, str]] = []
        while not any(is_it(app, data) for app, data in doing):
            assert time.monotonic() < ends, f"{what} did not come within {seconds:.0f} s; the caller's channel: {doing}"
            time.sleep(_POLL_SECONDS)
            with suppress(ControlError):
                doing = [
                    (event.get("Application"), event.get("ApplicationData"))
                    for event in self._ami.ask_list("CoreShowChannels")
                    if _is_callers(event, call_id)
                ]


def _is_callers(event: Message, call_id: str) -> bool:
    return event.event == "CoreShowChannel" and event.get("Uniqueid") == call_id


def _files(read: str) -> list[str]:
    """The sounds of `Read(variable,sounds,…)`."""
    return [*read.split(","), ""][1].split("&")

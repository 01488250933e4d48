"""The process that sends one message to one target, by apprise: told on stdin what and where, it answers on stdout.

Run as ``python -m orchestrator.notices.delivery_program``. It ends with its answer, whatever threads still wait. With
``--serve`` it is kept ready (``orchestrator.notices.warm_program``).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from orchestrator.notices.delivery_status import Status

_MAILS = ("mailto", "mailtos")
_DETAIL_LENGTH = 300


def sent(asked: Mapping[str, Any]) -> tuple[Status, str]:
    """Send a message by apprise, and return what it says of the one target, by its status and never by its truth."""
    from apprise import Apprise, AppriseAsset, AppriseResultStatus, NotifyFormat

    scheme = asked["address"].partition(":")[0].lower()
    sender = Apprise(asset=AppriseAsset(app_id="cellrig", app_desc="cellrig", app_url="", async_mode=False))
    if not sender.add(asked["address"]):
        return Status.NO_ADDRESS, f"apprise knows no service of such an address ({scheme}://...); see its documentation"
    asks: dict[str, Any] = {"body": asked["text"], "body_format": NotifyFormat.TEXT}
    if asked["html"] and scheme in _MAILS:
        asks = {"body": asked["html"], "body_format": NotifyFormat.HTML, "attach": _page(asked["html"])}
    result = sender.notify(title=asked["title"], **asks)
    if result.status == AppriseResultStatus.SUCCESS and len(result) == 1:
        return Status.DELIVERED, ""
    if result.status == AppriseResultStatus.NOMATCH or not len(result):
        return Status.NO_ADDRESS, "apprise found no target in the address"
    said = [entry.message for entry in result.logs() if entry.message]
    return Status.FAILED, _without(asked["address"], said[-1] if said else "the target refused it")


def _page(html: str) -> Any:  # noqa: ANN401 - an attachment of apprise, which has no types
    from apprise.attachment.memory import AttachMemory

    make: Any = AttachMemory
    return make(content=html, name="cellrig.html", mimetype="text/html")


def _without(address: str, detail: str) -> str:
    """Take out of words whatever stands in the address behind its scheme and may be a secret."""
    rest = address.partition("://")[2]
    pieces = {piece for piece in _split(rest) if len(piece) > 2}
    for piece in sorted(pieces, key=len, reverse=True):
        detail = detail.replace(piece, "***")
    return detail[:_DETAIL_LENGTH]


def _split(text: str) -> list[str]:
    for mark in ":@/?&=,":
        text = text.replace(mark, " ")
    return text.split()


def main() -> None:
    """Read what to send, send it, answer, and end; or serve one message a line, each by a forked process."""
    # What a library prints is no answer.
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if sys.argv[1:] == ["--serve"]:
        serve(answers)
    _answer(json.load(sys.stdin), answers)


def serve(answers: int) -> None:
    """Fork a process for each line that comes, until there are no more; it says that it has taken it, and answers.

    ``answers`` is the file descriptor for both.
    """
    from apprise import Apprise

    # Reading an address loads the modules of all services: every forked process has them then.
    Apprise().add("json://127.0.0.1")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Number 0 is no message's: it says that all is loaded.
    _say(answers, {"number": 0})
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            asked = json.loads(line)
            # Whatever it waits for then, the system ends it.
            signal.setitimer(signal.ITIMER_REAL, asked["deadline_s"])
            _say(answers, {"number": asked["number"]})
            _answer(asked, answers)
    os._exit(0)


def _say(answers: int, said: Mapping[str, Any]) -> None:
    # One write: lines of several processes share the pipe.
    os.write(answers, json.dumps(said).encode() + b"\n")


def _answer(asked: Mapping[str, Any], answers: int) -> NoReturn:
    try:
        status, detail = sent(asked)
    except Exception as err:  # noqa: BLE001 - the task's root: the answer says it, and an address may stand in a trace
        status, detail = Status.FAILED, f"apprise failed with {type(err).__name__}"
    _say(answers, {"number": asked.get("number", 0), "status": status.value, "detail": detail})
    os._exit(0)


if __name__ == "__main__":
    main()

"""Sends messages to targets: each attempt is a short-lived process of its own, killed when its time is over.

Apprise would wait for slow targets with threads that outlive its own deadline, and let them keep good ones waiting. A
process that is killed keeps nobody. Addresses, which may hold secrets, go to it by its standard input: they are in no
list of processes and in no log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.notices.addresses import NoAddress, address_of
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.values import Outcome

PROGRAM = "orchestrator.notices.delivery_program"
# What the process says is one line of some hundred bytes.
_ANSWER_BYTES = 16 * 1024
# Sends what it is given within a time in seconds, and says what became of it.
Ask = Callable[[Mapping[str, str], float], Awaitable[tuple[Status, str]]]
# A mail with pictures takes longer than an alarm, and nobody's stop waits for it.
_MAIL_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: a title and a text, and where the target is a mail address, a page in the place of the text."""

    title: str
    text: str
    html: str = ""


async def asked_once(asked: Mapping[str, str], deadline_s: float) -> tuple[Status, str]:
    """Have something sent by a program that is started for it, and gone when this returns, however it returns.

    Raises TimeoutError, OSError, or ValueError for no answer.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # A package of the same name in the present folder is none of ours.
        *("-P", "-m", PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_ANSWER_BYTES,
        start_new_session=os.name == "posix",
    )
    try:
        async with asyncio.timeout(deadline_s):
            out, _ = await process.communicate(json.dumps(asked).encode())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    told = json.loads(out)
    return Status(told["status"]), str(told["detail"])


async def deliver(
    settings: NoticeSettings, target: str, letter: Letter, deadline_s: float | None = None, ask: Ask = asked_once
) -> Outcome:
    """Send a letter to one target, and return what became of it within its time.

    ``ask`` is how the process is begun. Raises SettingsError for a target that is not in the bench file.
    """
    began_s = time.monotonic()
    deadline_s = settings.deadline_s if deadline_s is None else deadline_s

    def outcome(status: Status, detail: str = "") -> Outcome:
        return Outcome(target, status, time.monotonic() - began_s, detail)

    try:
        address = address_of(settings.target(target))
    except NoAddress as err:
        return outcome(Status.NO_ADDRESS, str(err))
    asked = {"address": address, "title": letter.title, "text": letter.text, "html": letter.html}
    try:
        return outcome(*await ask(asked, deadline_s))
    except TimeoutError:
        return outcome(Status.LATE, f"it did not take the message within {deadline_s:g} s")
    except (OSError, ValueError, KeyError) as err:
        return outcome(Status.FAILED, f"the sending process ended without an answer ({type(err).__name__})")


async def mail(
    settings: NoticeSettings, targets: Sequence[str], title: str, text: str, html: str
) -> tuple[Outcome, ...]:
    """Send a text with its page to targets, all at the same time; return what became of each, in their order.

    A mail has the page as its body and as an attachment for the browser; every other target gets the text. Raises
    SettingsError for a target that is not in the bench file.
    """
    letter = Letter(title, text, html)
    return tuple(await asyncio.gather(*(deliver(settings, target, letter, _MAIL_DEADLINE_S) for target in targets)))

"""Writes every order into the audit log before it is carried out, and its outcome afterwards.

Web writes what comes by it, with the person who is signed in, and tells control the number of the entry; control writes
what comes past web, such as from commands on this machine. A stop or a hold goes through even when the log takes
nothing; any other order is refused then.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import isfinite
from typing import Any, TypeVar

from orchestrator.api.access import BODY, App, Message, Receive, Scope, Send
from orchestrator.api.application import answer
from orchestrator.api.places import Kind, kind_of
from orchestrator.api.refusals import person_in
from orchestrator.clock.scaled import in_loop_time
from orchestrator.people.audit_entry import Act
from orchestrator.people.audit_log import AuditLog
from orchestrator.people.errors import FileUnusable
from orchestrator.people.person import MACHINE, Person
from orchestrator.people.rights import NotListed, Right, pattern_of, right_of

logger = logging.getLogger(__name__)

# The header with which web tells the number of the entry that it has written.
ENTRY_HEADER = "cellrig-entry"
# How long a stop waits for the log before it leaves, in real seconds.
_STOP_WAITS_S = 0.5
# What of an order is told in the log: no text of a recipe, and nothing that could be a secret.
_SAID = (
    *("recipe", "cell", "channel", "label", "like", "set", "mounted", "same_cell", "queue", "accept_voltage"),
    *(
        "confirm_implausible",
        "second_person",
        "duration_s",
        "owner",
        "what",
        "on",
        "reason",
        "how_long",
        "text",
        "note",
        "base_version",
    ),
)
_LONGEST, _CHANNELS_TOLD = 200, 1000
# The status of an order that is not handed on, or whose answer is not known.
UNRECORDED = 503

T = TypeVar("T")


class OrderRefused(Exception):
    """An order that is not handed on: the status of the answer, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Recorder:
    """Writes orders into a log. ``unusable`` says why there is none: only stops and holds are carried out then."""

    def __init__(self, log: AuditLog | None, unusable: str = "") -> None:
        self._log = log
        self._unusable = unusable

    async def carry_out(self, act: Act, work: Callable[[int | None], Awaitable[T]], status_of: Callable[[T], int]) -> T:
        """Do ``work``, which is given the number of the entry if there is one by then. Raises OrderRefused."""
        is_stop = kind_of(act.method, act.path) is Kind.STOP
        if self._log is None:
            if self._unusable and not is_stop:
                raise _unrecorded(self._unusable)
            return await work(None)
        written = asyncio.ensure_future(asyncio.to_thread(self._log.append, act))
        if is_stop:
            await asyncio.wait({written}, timeout=in_loop_time(_STOP_WAITS_S))
        else:
            try:
                await written
            except FileUnusable as err:
                raise _unrecorded(str(err)) from err
        status = UNRECORDED
        try:
            is_written = written.done() and written.exception() is None
            found = await work(written.result() if is_written else None)
            status = status_of(found)
        finally:
            await self._tell_outcome(self._log, written, act, status)
        return found

    async def _tell_outcome(self, log: AuditLog, written: asyncio.Future[int], act: Act, status: int) -> None:
        """Write what came of an order; where that fails it is carried out all the same."""
        try:
            await asyncio.to_thread(log.outcome, await written, act, status)
        except FileUnusable as err:
            logger.error("%s by %s was handed on, and the audit log does not say so: %s", act.act, act.person, err)

    def knows(self, number: str, path: str) -> bool:
        """Return whether an order to a path has the entry of that number, whose outcome is not told yet."""
        if self._log is None or not number.isdecimal() or len(number) > 15:
            return False
        try:
            return self._log.is_open(int(number), path)
        except FileUnusable:
            return False


class RecordedOrders:
    """The application of control with its orders in the log: those that web has not written yet."""

    def __init__(self, app: App, recorder: Recorder) -> None:
        self._app, self._recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an order is written before, and its outcome after."""
        right = right_or_none(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if right is None or right.act is None or self._recorder.knows(_entry_in(scope), scope["path"]):
            await self._app(scope, receive, send)
            return
        status = UNRECORDED

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def work(number: int | None) -> int:
            await self._app(scope, receive, sending)
            return status

        act = act_of(scope, MACHINE, right, scope["method"], scope["path"], scope.get(BODY, b""))
        try:
            await self._recorder.carry_out(act, work, lambda known: known)
        except OrderRefused as err:
            await answer(err.status, str(err))(scope, receive, send)


def right_or_none(method: str, path: str) -> Right | None:
    """Return the line of the table of rights for a request, None for one that is not listed."""
    try:
        return right_of(method, path)
    except NotListed:
        return None


def act_of(scope: Scope, person: Person, right: Right, method: str, path: str, body: bytes) -> Act:
    """Return what an order is, as the log keeps it; ``scope`` is that of the request that brought it."""
    said: dict[str, Any] = {}
    found = pattern_of(right.template).fullmatch(path)
    if found is not None and found.groups():
        said["run" if "/runs/" in path else "channel" if "/channels/" in path else "of"] = found[1]
    with suppress(ValueError, RecursionError):
        order = json.loads(body or b"{}")
        if isinstance(order, dict):
            said |= {key: _short(order[key]) for key in _SAID if order.get(key) not in (None, "", False, [])}
            if isinstance(several := order.get("orders"), list):
                channels = [str(one.get("channel", "?")) for one in several if isinstance(one, dict)]
                said |= {"orders": len(several), "channels": ", ".join(channels)[:_CHANNELS_TOLD]}
    address = str((scope.get("client") or ("",))[0])
    return Act(person.name or person_in(body), person.how.value, address, method, path, right.act or "", said)


def _entry_in(scope: Scope) -> str:
    name = ENTRY_HEADER.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


def _short(value: object) -> object:
    if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _unrecorded(why: str) -> OrderRefused:
    return OrderRefused(
        UNRECORDED, f"nothing was ordered, because it cannot be written down who orders it: {why}; stops still go"
    )

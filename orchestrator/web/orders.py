"""Hands orders to control, each in the name of who gives it, and writes each into the audit log before and after.

A stop or a hold goes through even when the log takes nothing; any other order is refused then.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Any
from urllib.parse import parse_qs, urlencode

from orchestrator.api.access import PERSON, Scope
from orchestrator.api.places import Kind, kind_of
from orchestrator.api.refusals import person_in
from orchestrator.people.audit_entry import Act
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people import People
from orchestrator.people.person import How, Person
from orchestrator.people.rights import NotListed, Right, pattern_of, right_of
from orchestrator.web.control_link import ControlLink
from orchestrator.web.loopback_client import Answer, Headers

logger = logging.getLogger(__name__)

# How long a stop waits for the log before it leaves.
_STOP_WAITS_S = 0.5
# What of an order is told in the log: no text of a recipe, and nothing that could be a secret.
_SAID = (
    *("recipe", "cell", "channel", "label", "like", "set", "mounted", "same_cell", "queue", "accept_voltage"),
    *("confirm_implausible", "second_person", "duration_s", "owner", "what", "on", "reason", "until", "run_id", "text", "base_version"),
)
_LONGEST = 200
_CHANNELS_TOLD = 1000
_JSON = (b"content-type", b"application/json")
# Statuses of orders that are not handed on.
_NOT_ALLOWED, _UNRECORDED = 403, 503


class OrderRefused(Exception):
    """An order that is not handed on: the status of the answer, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Orders:
    """The way of orders to control. Without ``people`` they are handed on as they are.

    ``unusable`` says why the file of people cannot be used: only stops and holds are handed on then.
    """

    def __init__(self, link: ControlLink, people: People | None = None, unusable: str = "") -> None:
        self._link = link
        self._people = people
        self._unusable = unusable

    async def give(
        self, scope: Scope, method: str, target: str, headers: Headers = (), body: bytes | Mapping[str, Any] = b""
    ) -> Answer:
        """Hand an order to control and return its answer; ``scope`` is the request's that brought it, or a page's form.

        Raises OrderRefused for one that names another person, that he may not give, or that cannot be recorded, and
        ControlSilent.
        """
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), [*headers, _JSON]
        person: Person | None = scope.get(PERSON)
        path, _, query = target.partition("?")
        if self._unusable and kind_of(method, path) is not Kind.STOP and _is_order(method, path):
            raise _unrecorded(self._unusable)
        if self._people is None or person is None:
            return await self._link.ask(method, target, headers, body)
        right = _right(person, method, path)
        if right.named_by is not None:
            body, query = _named(person, right, body, query)
            target = f"{path}?{query}" if query else path
        if right.act is None:
            return await self._link.ask(method, target, headers, body)
        act = _act(scope, person, right, method, path, body)
        written = asyncio.ensure_future(asyncio.to_thread(self._people.log.append, act))
        if kind_of(method, path) is Kind.STOP:
            await asyncio.wait({written}, timeout=_STOP_WAITS_S)
        else:
            await _recorded(written)
        status = _UNRECORDED
        try:
            answer = await self._link.ask(method, target, headers, body)
            status = answer.status
        finally:
            await self._tell_outcome(written, act, status)
        return answer

    async def _tell_outcome(self, written: asyncio.Future[int], act: Act, status: int) -> None:
        """Write what came of an order; where that fails it is given all the same."""
        if self._people is None:
            return
        try:
            await asyncio.to_thread(self._people.log.outcome, await written, act, status)
        except FileUnusable as err:
            logger.error("%s by %s was handed on, and the audit log does not say so: %s", act.act, act.person, err)


async def _recorded(written: asyncio.Future[int]) -> None:
    try:
        await written
    except FileUnusable as err:
        raise _unrecorded(str(err)) from err


def _unrecorded(why: str) -> OrderRefused:
    return OrderRefused(
        _UNRECORDED, f"nothing was ordered, because it cannot be written down who orders it: {why}; stops still go"
    )


def _is_order(method: str, path: str) -> bool:
    try:
        return right_of(method, path).act is not None
    except NotListed:
        return True


def _right(person: Person, method: str, path: str) -> Right:
    """Return the line of the table for an order, also for one that a form stands for. Raises OrderRefused."""
    try:
        right = right_of(method, path)
    except NotListed:
        raise OrderRefused(404, "there is nothing to order at this address") from None
    if right.role is not None and not person.role.covers(right.role):
        raise OrderRefused(_NOT_ALLOWED, f"this needs the role {right.role}, and {person.name} is {person.role}")
    return right


def _named(person: Person, right: Right, body: bytes, query: str) -> tuple[bytes, str]:
    """Put a person's own name into an order; the token of this machine names whom it likes. Raises OrderRefused."""
    key = right.named_by or ""
    if person.how is How.MACHINE:
        return body, query
    if right.method == "DELETE":
        values = parse_qs(query, keep_blank_values=True)
        _check_name(person, key, values.get(key, [person.name]))
        return body, urlencode({**values, key: [person.name]}, doseq=True)
    order: Any = None
    with suppress(ValueError, RecursionError):
        order = json.loads(body or b"{}")
    if not isinstance(order, dict):
        # Control says what is wrong with it.
        return body, query
    _check_name(person, key, [order.get(key, person.name)])
    return json.dumps({**order, key: person.name}).encode(), query


def _check_name(person: Person, key: str, given: list[Any]) -> None:
    if given != [person.name]:
        raise OrderRefused(_NOT_ALLOWED, f"you are signed in as {person.name}: leave {key} out, or give that name")


def _act(scope: Scope, person: Person, right: Right, method: str, path: str, body: bytes) -> Act:
    said: dict[str, Any] = {}
    found = pattern_of(right.template).fullmatch(path)
    parts = list(found.groups()) if found else []
    if parts:
        said["run" if "/runs/" in path else "channel" if "/channels/" in path else "of"] = parts[0]
    with suppress(ValueError, RecursionError):
        order = json.loads(body or b"{}")
        if isinstance(order, dict):
            said |= {key: _short(order[key]) for key in _SAID if order.get(key) not in (None, "", False, [])}
            if isinstance(several := order.get("orders"), list):
                channels = [str(one.get("channel", "?")) for one in several if isinstance(one, dict)]
                said |= {"orders": len(several), "channels": ", ".join(channels)[:_CHANNELS_TOLD]}
    address = str((scope.get("client") or ("",))[0])
    who = person.name or person_in(body)
    return Act(who, person.how.value, address, method, path, right.act or "", said)


def _short(value: object) -> object:
    if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."

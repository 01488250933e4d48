"""Hands orders to control, each in the name of who gives it, and written into the audit log before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlencode

from orchestrator.api.access import PERSON, Scope
from orchestrator.api.recording import ENTRY_HEADER, OrderRefused, Recorder, act_of, right_or_none
from orchestrator.people.people import People
from orchestrator.people.person import MACHINE, How, Person
from orchestrator.people.rights import Right
from orchestrator.web.control_link import ControlLink
from orchestrator.web.loopback_client import Answer, Headers

_JSON = (b"content-type", b"application/json")


class Orders:
    """The way of orders to control. Without ``people`` nobody signs in, and all have the token of this machine.

    ``unusable`` says why the file of people cannot be used: only stops and holds are handed on then.
    """

    def __init__(self, link: ControlLink, people: People | None = None, unusable: str = "") -> None:
        self._link = link
        self._recorder = Recorder(people.log if people is not None else None, unusable)

    async def give(
        self, scope: Scope, method: str, target: str, headers: Headers = (), body: bytes | Mapping[str, Any] = b""
    ) -> Answer:
        """Hand an order to control and return its answer; ``scope`` is the request's that brought it, or a page's form.

        Raises OrderRefused for one that names another person, that he may not give, or that cannot be recorded, and
        ControlSilent.
        """
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), [*headers, _JSON]
        person: Person = scope.get(PERSON) or MACHINE
        path, _, query = target.partition("?")
        right = right_or_none(method, path)
        if right is None:
            # Control says what there is.
            return await self._link.ask(method, target, headers, body)
        if right.role is not None and not person.role.covers(right.role):
            raise OrderRefused(403, f"this needs the role {right.role}, and {person.name} is {person.role}")
        if right.named_by is not None:
            body, query = _named(person, right, body, query)
            target = f"{path}?{query}" if query else path
        if right.act is None:
            return await self._link.ask(method, target, headers, body)
        ordered = body

        async def sent(number: int | None) -> Answer:
            entry = [(ENTRY_HEADER.encode(), b"%d" % number)] if number is not None else []
            return await self._link.ask(method, target, [*headers, *entry], ordered)

        act = act_of(scope, person, right, method, path, body)
        return await self._recorder.carry_out(act, sent, lambda told: told.status)


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
        raise OrderRefused(403, f"you are signed in as {person.name}: leave {key} out, or give that name")

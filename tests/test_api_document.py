"""The OpenAPI document: words, units and examples everywhere, and exactly the errors that can occur."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import jsonschema_rs
import pytest

from orchestrator.api import pages
from orchestrator.api.access import BODY_LIMIT
from orchestrator.api.app import build_routes, create_app
from orchestrator.api.live_stream import QUEUE_LENGTH, LiveClients, stream
from orchestrator.api.models import tables
from orchestrator.api.places import Bounds, Places
from orchestrator.events import Bus
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.api_client import ORDER, TOKEN, Client

_Dict = dict[str, Any]

# The end of a field's name that says its unit, the longest first.
_ENDS = {
    "_ma_per_cm2": "mA/cm2",
    "_ma_per_g": "mA/g",
    "_mah_cm2": "mAh/cm2",
    "_mah_per_cm2": "mAh/cm2",
    "_mah_g": "mAh/g",
    "_cm2": "cm2",
    "_mah": "mAh",
    "_mg": "mg",
    "_degc": "degC",
    "_ohm": "ohm",
    "_ah": "Ah",
    "_wh": "Wh",
    "_hz": "Hz",
    "_ma": "mA",
    "_a": "A",
    "_v": "V",
    "_s": "s",
}
# Quantities whose name is the field's own word for it.
_NAMED = {"c_rate": "C", "coulombic_efficiency": "1"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> _Dict:
    """Give the document of the API."""
    with open_store(tmp_path_factory.mktemp("document") / "cellrig.db") as store:
        return build_routes(Service(store, []), LiveClients(Bus())).openapi()


def _operations(document: _Dict) -> Iterator[tuple[str, str, _Dict]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def _fields(document: _Dict) -> Iterator[tuple[str, str, _Dict]]:
    """Give every field with its place and name: those of values, the columns of tables, and parameters."""
    for name, schema in document["components"]["schemas"].items():
        for field, told in schema.get("properties", {}).items():
            yield name, field, told
            for column in told.get("items", {}).get("prefixItems", ()):
                yield f"{name}.{field}", column["title"], column
    for method, path, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            told = parameter["schema"] | {"description": parameter.get("description", "")}
            yield f"{method} {path}", parameter["name"], told


def _holds_other_values(schema: _Dict) -> bool:
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    return any("$ref" in part for part in parts) and "examples" not in schema


def _unit_in(name: str) -> str | None:
    ends = [unit for end, unit in _ENDS.items() if name.endswith(end)]
    return _NAMED.get(name) or (ends[0] if ends else None)


def test_every_field_has_words_and_where_it_has_one_a_unit(document: _Dict) -> None:
    """Words are a sentence; the unit of the name stands in the words and, for programs, beside them; no other does."""
    fields = list(_fields(document))
    assert len(fields) > 200
    wrong = []
    for place, name, field in fields:
        words, unit = field.get("description", ""), _unit_in(name)
        has_words = len(words) > 8 and words.endswith(".") and words[0] in words.upper()
        is_said = unit is None or unit == "1" or re.search(rf"\bin {re.escape(unit)}\b", words)
        if not (has_words and is_said and field.get("x-unit") == unit):
            wrong.append((place, name, words, unit, field.get("x-unit")))
    assert wrong == []


def test_every_field_has_an_example_that_is_valid(document: _Dict) -> None:
    """Each value that holds no others shows one as it may be, which its own schema lets through."""
    shown = {}
    for place, name, field in _fields(document):
        if not _holds_other_values(field):
            assert field.get("examples"), (place, name)
        shown[f"{place} {name}"] = field
    # One schema that holds them all: it is compiled once.
    schema = {
        "properties": {key: {"items": field} for key, field in shown.items()},
        "components": document["components"],
    }
    jsonschema_rs.validate(schema, {key: field.get("examples", []) for key, field in shown.items()})


def test_every_value_operation_and_answer_has_words(document: _Dict) -> None:
    """And each operation belongs to a group that is described, under a name of its own that is one for a function."""
    groups = {tag["name"] for tag in document["tags"] if tag["description"]}
    names = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
    for _, path, operation in _operations(document):
        assert operation["description"], path
        assert set(operation["tags"]) <= groups, path
        assert len(operation["tags"]) == 1, path
        for status, answer in operation["responses"].items():
            assert answer["description"].endswith("."), (path, status)
            assert answer["description"] != "Successful Response", (path, status)


def test_times_in_iso_form_stand_beside_unix_ones(document: _Dict) -> None:
    """Wherever an answer has seconds since 1970 it has the same moment as text."""
    for name, schema in document["components"]["schemas"].items():
        fields = schema.get("properties", {})
        unix = {field.removesuffix("_unix_s") for field in fields if field.endswith("_unix_s")}
        iso = {field.removesuffix("_utc") for field in fields if field.endswith("_utc")}
        assert unix == iso, name
        assert all(fields[f"{field}_utc"]["format"] == "date-time" for field in iso), name


def test_columns_that_are_described_are_those_of_the_tables() -> None:
    """In their order: a client goes by it."""
    described = (tables.SAMPLE_COLUMNS, tables.STEP_COLUMNS, tables.CYCLE_COLUMNS, tables.SPECTRUM_COLUMNS)
    kinds = (pages.SAMPLES, pages.STEPS, pages.CYCLES, pages.SPECTRA)
    for columns, kind in zip(described, kinds, strict=True):
        assert [column.name for column in columns] == kind.names


_FILLED = {"{run_id}": "R000001", "{channel}": "21-1-3", "{name}": "li-li-0.2"}
_UNKNOWN = {"{run_id}": "R999999", "{channel}": "9-9-9", "{name}": "none"}
# What a running run and a claim of bob make impossible; the others may be refused by a tester only.
_REFUSED = {"start", "resume", "mounted", "acknowledge", "empty", "claim", "release"}


def _at(path: str, filled: dict[str, str]) -> str:
    for name, value in filled.items():
        path = path.replace(name, value)
    return path


# What takes an order, with its channel in the body.
_ORDERED_AT = ("/runs", "/preflight")
_ASKED = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "9-9-9"}


def _body_of(path: str) -> _Dict:
    if path.endswith(_ORDERED_AT):
        return {**ORDER, "channel": "21-1-5"}
    if path.endswith("/notices/acknowledge"):
        return {"what": "R000001", "by": "ada"}
    if path.endswith("/notes"):
        return {"text": "looks dry", "by": "ada"}
    if path.endswith("/put-off"):
        return {"by": "ada", "how_long": "1h", "reason": "so"}
    return {"owner": "ada", "duration_s": 5} if path.endswith("/claim") else {"by": "ada"}


async def _never() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(60)
    yield b"}"


# What makes of a request that would be allowed one that gives the error.
_WRONG: dict[int, _Dict] = {
    400: {"headers": {"host": "evil.example"}},
    401: {"headers": {"authorization": "Bearer x"}},
    403: {"headers": {"origin": "http://evil.example"}},
    413: {"content": b" " * (BODY_LIMIT + 1), "headers": {"content-type": "application/json"}},
    415: {"content": b"by=ada", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    422: {"params": {"colour": "red"}},
}


async def _status(client: Client, full: httpx.AsyncClient, method: str, path: str, wanted: int) -> int:
    """Ask an operation in the way that must give an error, and give the status that it gives."""
    given: _Dict = {"params": {"owner": "ada"}} if method == "delete" else {}
    given |= {"json": _body_of(path)} if method == "post" else {}
    if path.endswith("/picture"):
        given = {"params": {"runs": "R999999" if wanted == 404 else "R000001"}}
    elif "/file" in path:
        given = {"params": {"as": "csv"}}
    if wanted == 408:
        given = {"content": _never(), "headers": {"content-type": "application/json"}}
    elif wanted == 404 and path.endswith(_ORDERED_AT):
        given = {"json": {**ORDER, "channel": "9-9-9"}} if method == "post" else {"params": _ASKED}
    wrong = _WRONG.get(wanted, {})
    given = {key: value for key, value in given.items() if "content" not in wrong or key != "json"} | wrong
    http = full if wanted == 503 else client.http
    url = _at(path, _UNKNOWN if wanted == 404 else _FILLED)
    return (await http.request(method, url, **given)).status_code


async def test_every_error_of_the_document_can_occur(client: Client, document: _Dict) -> None:
    """Each operation is asked so that it gives each of the errors that are told of it."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(600)
    for channel in ("21-1-3", "21-1-5"):
        await client.post(f"/channels/{channel}/claim", {"owner": "bob", "duration_s": 3600})
    no_place = Places(Bounds(reads=0, reads_each=0, commands=0, stops=0))
    transport = httpx.ASGITransport(create_app(client.service, client.bus, TOKEN, places=no_place))
    tried = 0
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=client.http.headers) as full:
        for method, path, operation in _operations(document):
            for status in sorted(map(int, operation["responses"])):
                if status < 400 or (status == 409 and operation["operationId"] not in _REFUSED):
                    continue
                assert await _status(client, full, method, path, status) == status, (method, path, status)
                tried += 1
    assert tried > 200


async def test_messages_of_the_stream_are_those_of_its_schema(client: Client, document: _Dict) -> None:
    """A run that goes on and a client that reads too slowly: every message fits, and both kinds were there."""
    validator = jsonschema_rs.validator_for(await client.get("/live/schema"))
    await client.post("/runs", ORDER, 201)
    seen: set[str] = set()
    now = [run.update() for run in client.service.runs]
    async with asyncio.timeout(3600), aclosing(stream(client.bus, now)) as texts:
        async for text in texts:
            event, data = (line.partition(": ")[2] for line in text.strip().split("\n"))
            validator.validate({"event": event, "data": json.loads(data)})
            if not seen:
                # As if the client had not read for so long.
                for cycle in range(QUEUE_LENGTH + 2):
                    client.service.bus.tell(replace(now[0], run_id=f"R{cycle:06d}"))
            seen.add(event)
            if event == "dropped":
                break
    assert seen == {"run", "dropped"}
    assert not validator.is_valid({"event": "run", "data": {"dropped": 3}})
    described = document["paths"]["/api/v1/live"]["get"]["responses"]["200"]["content"]
    assert [it["properties"]["event"]["const"] for it in described["text/event-stream"]["itemSchema"]["oneOf"]] == [
        "run",
        "dropped",
    ]

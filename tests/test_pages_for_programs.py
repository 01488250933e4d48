"""The pages for other programs say what there is: views of the store, routes of the API, the simulated CT-4008."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import pytest
import typer.main

from orchestrator.api.app import build_routes
from orchestrator.api.live_stream import LiveClients
from orchestrator.cli.app import app
from orchestrator.events import Bus
from orchestrator.rack.service import Service
from orchestrator.store import Store
from simulators.bench import read_cells
from simulators.faults import Spoil
from simulators.neware.settings import Quirks, Trouble
from tests.run_maker import PROGRAM, RunMaker

DOCS = Path(__file__).resolve().parent.parent / "docs"


def page(name: str) -> str:
    """Give the text of a page."""
    return (DOCS / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Give the blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


def rows(text: str) -> set[str]:
    """Give what the first column of a text's tables names."""
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_page_of_the_store_has_every_view_with_every_column(store: Store) -> None:
    """A view or a column that is new is described before it is shipped, and none is described that is not there."""
    views = {row[0] for row in store.connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
    parts = re.findall(r"^### `(\w+)`.*?\n(.*?)(?=^##)", page("store.md"), re.MULTILINE | re.DOTALL)
    assert {view for view, _ in parts} == views
    for view, text in parts:
        columns = {row[1] for row in store.connection.execute(f"PRAGMA table_info({view})")}
        assert rows(text) == columns, view


def test_page_of_the_store_reads_it_with_pandas(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first example works as it stands, on a store that is open to be written."""
    monkeypatch.chdir(store.path.parent)
    names: dict[str, Any] = {}
    example = blocks("store.md", "python")[0].replace("cellrig.db", store.path.name)
    exec(compile(example, "store.md", "exec"), names)  # noqa: S102 - the page's own words
    assert list(names["cycles"].columns) == ["cycle", "discharge_capacity_mah_g", "coulombic_efficiency"]


def test_page_of_the_store_writes_a_run_for_a_spreadsheet(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example without any library gives the heads that the page describes, and each record in order."""
    monkeypatch.chdir(store.path.parent)
    maker = RunMaker(store, PROGRAM)
    run_id = maker.run()
    (example,) = [block for block in blocks("store.md", "python") if "import csv" in block]
    example = example.replace("cellrig.db", store.path.name).replace("R000001", run_id)
    exec(compile(example, "store.md", "exec"), {})  # noqa: S102 - the page's own words
    heads, *records = csv.reader(Path(f"{run_id}.csv").read_text("utf-8").splitlines())
    assert heads[:2] == ["run_id", "cell"]
    assert len(records) == store.connection.execute("SELECT count(*) FROM sample_readable").fetchone()[0]


def test_page_of_the_simulated_tester_has_its_options_quirks_and_faults(tmp_path: Path) -> None:
    """What can be set is described, by the name under which it is set; the file of cells is read."""
    text = page("simulated-ct4008.md")
    command: Any = typer.main.get_command(app)
    options = command.commands["simulate"].commands["ct4008"].params
    named = rows(text) | set(re.findall(r"^\| `(--[\w-]+)`", text, re.MULTILINE))
    assert {option.opts[0] for option in options if option.name != "help"} <= named
    assert {field.name for kind in (Quirks, Trouble) for field in dataclasses.fields(kind)} <= named
    assert {spoil.name for spoil in Spoil} <= named
    cells = tmp_path / "cells.toml"
    cells.write_text(blocks("simulated-ct4008.md", "toml")[0], encoding="utf-8")
    assert list(read_cells(cells, 1)) == ["21-1-1", "21-1-2", "21-1-3"]


def test_requests_of_the_page_of_rest_are_in_its_document(store: Store) -> None:
    """Every line of curl asks for a route that there is, with keys and a body that it takes."""
    document = build_routes(Service(store, []), LiveClients(Bus())).openapi()
    lines = "".join(blocks("rest.md", "sh")).replace("\\\n", " ").splitlines()
    asked = [shlex.split(line) for line in lines if line.startswith("curl ")]
    assert len(asked) > 12
    for words in asked:
        body = words[words.index("-d") + 1] if "-d" in words else None
        (url,) = [word for word in words if word.startswith(("$API", "http"))]
        parts = urlsplit(url.replace("$API", "http://x/api/v1"))
        fits = [path for path in document["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), parts.path)]
        assert fits, url
        operation = document["paths"][fits[0]]["get" if body is None else "post"]
        known = {parameter["name"] for parameter in operation.get("parameters", [])}
        # One request shows how an unknown key is refused.
        unknown = {"stat"} if parts.query == "stat=running" else set()
        assert {key for key, _ in parse_qsl(parts.query)} - known == unknown, url
        if body is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            whole = {**schema, "components": document["components"]}
            assert jsonschema_rs.is_valid(whole, json.loads(body)), body

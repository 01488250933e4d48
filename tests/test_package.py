"""Packages of runs: what is in them, that the same run gives the same bytes, and that others read them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestrator.cli.export import _LEAST_SHOWN
from orchestrator.cli.verify import shown_parts
from orchestrator.packaging.manifest import read_manifest
from orchestrator.packaging.opened import is_package, package_store
from orchestrator.packaging.stored_rows import NOT_OF_A_RUN, run_tables, stored_rows
from orchestrator.packaging.verifying import verify
from orchestrator.store import Store, open_store
from orchestrator.tables.sample_table import sample_table
from tests.command_line import cellrig, refused
from tests.package_rig import packed, sealed


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str, Path]]:
    """Give a store, a run in it that is over, and its package; another run is beside it."""
    folder = tmp_path_factory.mktemp("packed")
    with open_store(folder / "store.sqlite") as store:
        sealed(store, ())
        run_id = sealed(store)
        yield store, run_id, packed(store, run_id, folder)


def _columns(zipped: zipfile.ZipFile, name: str) -> list[tuple[Any, ...]]:
    with zipped.open(f"tables/{name}.parquet") as file:
        return pl.read_parquet(file.read()).rows()


def test_package_has_every_row_of_every_table_of_its_run(rig: tuple[Store, str, Path]) -> None:
    """Read by polars out of the zip: all columns, in the order of the key, of the run alone; no table is left out."""
    store, run_id, package = rig
    tables = run_tables(store.connection)
    with zipfile.ZipFile(package) as zipped:
        for table in tables:
            ours = [row for page in stored_rows(store.connection, table, run_id, 7) for row in page]
            assert _columns(zipped, table.name) == ours, table.name
    filled = {table.name for table in tables if list(stored_rows(store.connection, table, run_id))}
    assert filled >= {"run", "cell", "test", "sample", "step", "cycle", "spectrum", "measurement", "event", "deviation"}
    assert filled >= {"intent", "mounting", "origin", "document"}
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    assert {name for (name,) in store.connection.execute(sql)} == {table.name for table in tables} | NOT_OF_A_RUN


def test_same_run_gives_the_same_bytes(rig: tuple[Store, str, Path], tmp_path: Path) -> None:
    """Written again elsewhere, as a zip and as a folder: no date, no path, no order of a set is in it."""
    store, run_id, package = rig
    assert packed(store, run_id, tmp_path).read_bytes() == package.read_bytes()
    folder = packed(store, run_id, tmp_path, "crate-folder")
    with zipfile.ZipFile(package) as zipped:
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert there == set(zipped.namelist())
        assert all((folder / name).read_bytes() == zipped.read(name) for name in there)
    assert verify(folder).is_sound
    assert is_package(folder)


def test_every_program_for_zips_reads_it(rig: tuple[Store, str, Path]) -> None:
    """Python's own reader finds each file whole, stored, in the order of the manifest, behind it."""
    _, _, package = rig
    assert is_package(package)
    with zipfile.ZipFile(package) as zipped:
        assert zipped.testzip() is None
        manifest = read_manifest(zipped.read("manifest.json"))
        assert zipped.namelist() == ["manifest.json", *(file.path for file in manifest.files)]
        assert {info.compress_type for info in zipped.infolist()} == {zipfile.ZIP_STORED}


def test_chain_is_what_the_readme_says(rig: tuple[Store, str, Path]) -> None:
    """Computed by hand from the words in README.txt, the chain ends where the manifest says."""
    with zipfile.ZipFile(rig[2]) as zipped:
        told = json.loads(zipped.read("manifest.json"))
        assert "line feed" in zipped.read("README.txt").decode()
    head = json.dumps({name: told[name] for name in ("format", "version", "run", "made_by")}, separators=(",", ":"))
    link = hashlib.sha256(head.encode()).hexdigest()
    assert link == told["begin"]
    for file in told["files"]:
        line = json.dumps([file["path"], file["size_bytes"], file["sha256"], file["crc32"]], separators=(",", ":"))
        link = hashlib.sha256(f"{link}\n{line}".encode()).hexdigest()
        assert link == file["chain"]
    assert link == told["end"]


def test_package_is_an_ro_crate(rig: tuple[Store, str, Path]) -> None:
    """Version 1.1 by its descriptor; the root names every file, and each has its size and hash."""
    with zipfile.ZipFile(rig[2]) as zipped:
        document = json.loads(zipped.read("ro-crate-metadata.json"))
        files = {name: zipped.read(name) for name in zipped.namelist()}
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities["./"]
    assert {"name", "description", "datePublished", "license"} <= set(root)
    assert {part["@id"] for part in root["hasPart"]} == set(files) - {"ro-crate-metadata.json"}
    for name in set(files) - {"ro-crate-metadata.json", "manifest.json"}:
        assert entities[name]["sha256"] == hashlib.sha256(files[name]).hexdigest()
        assert entities[name]["contentSize"] == str(len(files[name]))


def test_facts_for_people_are_there(rig: tuple[Store, str, Path]) -> None:
    """Program and files of the order by their hashes, deviations by category, the cell's properties with units."""
    store, run_id, package = rig
    with zipfile.ZipFile(package) as zipped:
        program = zipped.read("program.json")
        deviations = json.loads(zipped.read("deviations.json"))
        battinfo = json.loads(zipped.read("battinfo.jsonld"))
        assert zipped.read("recipe.yaml") == b"name: mine\n"
        assert {"pictures/time.svg", "pictures/time.png"} <= set(zipped.namelist())
    assert hashlib.sha256(program).hexdigest() == store.run(run_id).program_sha256
    assert {row["category"] for row in deviations} == {"power_outage"}
    assert [row["duration_s"] for row in deviations] == [5000.0] * 3
    area = next(it for it in battinfo["hasTestObject"]["hasProperty"] if it["schema:name"] == "area_cm2")
    assert area["hasNumericalPart"]["hasNumberValue"] == pytest.approx(1.0)
    assert area["hasMeasurementUnit"].endswith("#SquareCentiMetre")


def test_page_says_whose_each_term_of_the_metadata_is(rig: tuple[Store, str, Path]) -> None:
    """A term of an ontology in the JSON-LD that ``docs/package.md`` does not name would be looked up by nobody."""
    with zipfile.ZipFile(rig[2]) as zipped:
        told = json.loads(zipped.read("battinfo.jsonld"))
    del told["@context"]
    page = (Path(__file__).parent.parent / "docs" / "package.md").read_text("utf-8")
    terms = set(_terms(told))
    assert {"CoinCell", "hasTestObject", "SquareCentiMetre"} <= terms
    assert {term for term in terms if f"`{term}`" not in page} == set()


def _terms(value: Any) -> Iterator[str]:  # noqa: ANN401 - a value of JSON
    """Yield the terms of a document in JSON-LD that are of no named vocabulary, and its units."""
    if isinstance(value, list):
        for one in value:
            yield from _terms(one)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        types = inner if isinstance(inner, list) else [inner]
        if name == "hasMeasurementUnit":
            yield inner.partition("#")[2]
        if name == "@type":
            yield from (one for one in types if not one.startswith("schema:"))
        elif not name.startswith(("@", "schema:")):
            yield name
        yield from _terms(inner)


def test_package_opens_as_a_store(rig: tuple[Store, str, Path]) -> None:
    """What reads runs reads a package: its sample table is that of the run in its own store."""
    store, run_id, package = rig
    with package_store(package) as opened:
        assert [run.run_id for run in opened.runs()] == [run_id]
        assert sample_table(opened, run_id).equals(sample_table(store, run_id))


def test_progress_of_hashes_is_counted_in_bytes(
    rig: tuple[Store, str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of a megabyte was told to have a million records."""
    monkeypatch.setitem(_LEAST_SHOWN, "bytes", 1)
    verify(rig[2], shown_parts("p.zip"))
    assert re.search(r"p.zip: hashes: ([\d,]+) of \1 bytes", capsys.readouterr().err)


def test_verify_tells_and_has_a_status(rig: tuple[Store, str, Path], tmp_path: Path) -> None:
    """0 for a sound package, 1 for one that was touched, which is named, 2 for what is none; --json tells the same."""
    _, run_id, package = rig
    sound = cellrig("verify", package)
    assert sound.returncode == 0
    assert "sound" in sound.stdout
    spoiled = bytearray(package.read_bytes())
    spoiled[spoiled.index(b"PAR1") + 9] ^= 1
    (tmp_path / "spoiled.zip").write_bytes(spoiled)
    both = cellrig("verify", package, tmp_path / "spoiled.zip", "--json")
    verdicts = json.loads(both.stdout)["packages"]
    assert both.returncode == 1
    assert [verdict["is_sound"] for verdict in verdicts] == [True, False]
    assert [verdict["run_id"] for verdict in verdicts] == [run_id, run_id]
    assert [sentence.partition(" ")[0] for sentence in verdicts[1]["touched"]] == ["tables/cell.parquet"]
    (tmp_path / "other.zip").write_bytes(b"PK\3\4" + bytes(100))
    (tmp_path / "folder").mkdir()
    for other in ("other.zip", "folder", "absent.zip"):
        assert not is_package(tmp_path / other)
        refused(cellrig("verify", tmp_path / other), 2, other)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_no_package(tmp_path: Path) -> None:
    """A pipe, which nobody may ever write to, is refused and not waited for."""
    os.mkfifo(tmp_path / "pipe")
    refused(cellrig("verify", tmp_path / "pipe"), 2, "pipe is a pipe; give a file or a folder")

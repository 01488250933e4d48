"""``cellrig import`` of run packages, and of stores some runs of which are archived."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.analysis.summary import details
from orchestrator.cli.owned_store import IMPORT, lock_when_free, owned_store
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.importing import import_file
from orchestrator.importing.originals import folder_of, kept_path, sha256_of
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import ImportOptions
from orchestrator.packaging.archiving import archive_run
from orchestrator.packaging.package_imports import import_package
from orchestrator.packaging.verifying import verify
from orchestrator.packaging.writing import write_zip
from orchestrator.rack.lock import AlreadyOwned, owning
from orchestrator.store import DeviationCategory, Origins, Store, open_store
from orchestrator.store.health import check_store
from orchestrator.store.imports import Imports
from orchestrator.tables.impedance_table import impedance_table
from orchestrator.tables.sample_table import sample_table
from protocols.document import Document
from protocols.loading import cell_text
from tests.command_line import cellrig, refused
from tests.import_rig import AT, half_cycles, imported
from tests.package_rig import packed, sealed
from tests.run_maker import START_UNIX_S


def _untold(_part: str) -> Any:  # noqa: ANN401 - a progress
    return lambda _done, _all: None


def _import(store: Store | None, path: Path, *, again: bool = False) -> Imported:
    (done,) = import_package(store, path, ImportOptions(), by="ada", progress=_untold, again=again)
    return done


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with a run that has something in every table, and its package beside it."""
    folder = tmp_path_factory.mktemp("origin")
    with open_store(folder / "origin.db") as store:
        run_id = sealed(store)
        store.add_deviation(run_id, DeviationCategory.POWER_OUTAGE, START_UNIX_S, START_UNIX_S + 60, "a gap")
        write_zip(store, run_id, folder / "R000001.cellrig.zip", _untold(""), [], pictures=False)
    return folder / "origin.db"


@pytest.fixture(scope="module")
def package(origin: Path) -> Path:
    """Give the package."""
    return origin.with_name("R000001.cellrig.zip")


def test_run_of_a_package_is_the_run_that_was_packed(store: Store, origin: Path, package: Path) -> None:
    """Records, spectra, numbers, recipe, cell, events and deviations are those of the store that it came from."""
    sealed(store, ())
    done = _import(store, package)
    assert (done.run_id, done.part, done.format) == ("R000002", "R000001", "cellrig run package")
    with open_store(origin, read_only=True) as other:
        for table in (sample_table, impedance_table):
            theirs, ours = table(other, done.part), table(store, done.run_id)
            own = {"run_id", "test", "measurement"} & set(ours.columns)
            assert ours.height
            assert ours.drop(own).equals(theirs.drop(own))
        theirs_told, ours_told = details(other, done.part, 99, 99), details(store, done.run_id, 99, 99)
        for name in ("gaps", "cycles", "origin"):
            assert ours_told[name] == theirs_told[name], name
        for sql in (
            "SELECT kind, message, at_unix_s, data_json FROM event WHERE run_id = ?",
            "SELECT category, started_unix_s, ended_unix_s, effect FROM deviation WHERE run_id = ?",
        ):
            rows = store.connection.execute(sql, (done.run_id,)).fetchall()
            assert rows == other.connection.execute(sql, (done.part,)).fetchall() != []
        assert Origins(store).of(done.run_id) == Origins(other).of(done.part)
        assert store.run(done.run_id).facts_json == other.run(done.part).facts_json
    file = Imports(store).of(done.run_id)
    assert file is not None
    assert {"package", "end of its chain", "run"} <= {one.what for one in file.decisions}


def test_folder_and_zip_of_a_package_are_one_file(store: Store, package: Path, tmp_path: Path) -> None:
    """Both are known by one hash, which is that of the zip, and the zip is what is kept beside the store."""
    shutil.unpack_archive(package, tmp_path / "unpacked")
    first, second = _import(store, tmp_path / "unpacked"), _import(store, package)
    assert (second.is_known, second.run_id) == (True, first.run_id)
    assert first.sha256 == sha256_of(package)
    assert kept_path(store.path, first.sha256, ".cellrig.zip").read_bytes() == package.read_bytes()
    assert not _import(store, package, again=True).is_known
    assert len(store.runs()) == 2


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_package_with_any_byte_touched_is_refused(
    store: Store, package: Path, tmp_path: Path, place: float, bits: int
) -> None:
    """Whichever byte was flipped: what was touched is named, and neither a row nor a copy is left of it."""
    data = bytearray(package.read_bytes())
    data[int(place * len(data))] ^= bits
    (tmp_path / "spoiled.zip").write_bytes(data)
    with pytest.raises(ImportFailed, match=r"changed|manifest|header|directory"):
        _import(store, tmp_path / "spoiled.zip")
    assert store.runs() == []
    assert not folder_of(store.path).exists()


def test_package_with_a_file_too_many_or_a_forged_number_is_refused(
    store: Store, package: Path, tmp_path: Path
) -> None:
    """A folder is watched as the zip is, and hashes that fit do not make a number true."""
    from orchestrator.packaging.manifest import Manifest, read_manifest
    from orchestrator.packaging.writing import file_facts

    folder = tmp_path / "unpacked"
    shutil.unpack_archive(package, folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ImportFailed, match=r"notes\.txt is not of the package"):
        _import(store, folder)
    (folder / "notes.txt").unlink()
    told = json.loads((folder / "summary.json").read_text("utf-8"))
    told["run"]["cycles"] += 1
    (folder / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    files = tuple(file_facts(folder, file.path) for file in manifest.files)
    (folder / "manifest.json").write_bytes(Manifest(manifest.run_id, manifest.made_by, files).as_bytes())
    with pytest.raises(ImportFailed, match=r"run\.cycles is 6, and the rows give 5"):
        _import(store, folder)
    assert store.runs() == []


def test_archived_runs_of_a_store_are_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    """Their records are not in it: what brings them is told, other runs come in, and none comes empty."""
    other = tmp_path / "other.db"
    with open_store(other) as rig:
        run_id, second = sealed(rig, ()), sealed(rig, ())
        package = archive_run(rig, run_id, tmp_path / "kept", 0.0, _untold, [], pictures=False).path(other)
        for options in (ImportOptions(), ImportOptions(run_ids=(run_id,))):
            with pytest.raises(ImportFailed, match=f"no records of {run_id}.*cellrig import {package}"):
                import_file(store, other, options, by="", progress=lambda _d, _a: None)
        assert store.runs() == []
        (done,) = import_file(store, other, ImportOptions(run_ids=(second,)), by="", progress=lambda _d, _a: None)
        assert sample_table(store, done.run_id).height == _import(store, package).records > 0
        with pytest.raises(ImportFailed, match=f"cellrig unarchive {run_id} --store {other}"):
            _import(rig, package)


def test_package_of_an_imported_run_brings_what_was_decided_then(store: Store, tmp_path: Path) -> None:
    """Units, sign and time zone of the first file are not lost by the way of a second store."""
    with open_store(tmp_path / "other.db") as other:
        first = imported(other, half_cycles(tmp_path / "a.bdf.csv"))
        package = packed(other, first.run_id, tmp_path)
    done = _import(store, package)
    assert set(first.decisions) <= set(done.decisions)
    (there,) = [one for one in done.decisions if one.what == "file there"]
    assert first.sha256 in there.value
    assert sample_table(store, done.run_id)["step_count"].n_unique() > 1


def test_command_imports_packages_of_both_kinds(package: Path, tmp_path: Path) -> None:
    """A zip and a folder are known by what they hold; --dry-run verifies too; a touched one hinders no other."""
    shutil.unpack_archive(package, tmp_path / "unpacked")
    store, spoiled = tmp_path / "lab.db", tmp_path / "spoiled.zip"
    spoiled.write_bytes(package.read_bytes()[:-9])
    (tmp_path / "empty").mkdir()
    dry = cellrig("import", spoiled, package, "--dry-run", "--store", store)
    refused(dry, 1, "end of the zip's directory")
    assert "R000001: cellrig run package" in dry.stdout
    assert not store.exists()
    done = cellrig("import", tmp_path / "unpacked", package, tmp_path / "empty", "--store", store)
    refused(done, 1, "no package of a run: it has no manifest.json")
    assert "imported as R000001" in done.stdout
    assert "imported before, as R000001" in done.stdout
    assert "completed (imported)" in cellrig("runs", "--store", store).stdout
    assert not store.with_name("lab.db.lock").exists()


@pytest.mark.real_time
async def test_import_has_the_store_for_itself(tmp_path: Path) -> None:
    """While it writes no service can begin, and while a service has the store none is begun: both say who has it."""
    store, file = tmp_path / "lab.db", half_cycles(tmp_path / "a.bdf.csv")

    def import_it() -> Any:  # noqa: ANN401 - a finished process
        return cellrig("import", file, "--store", store)

    async with owning(store) as lock:
        lock.write_owner("http://127.0.0.1:1")
        refused(await asyncio.to_thread(import_it), 1, "served already by", "--store NAME")
    assert not store.exists()

    def while_importing() -> None:
        with owned_store(store, "cellrig import"), pytest.raises(AlreadyOwned, match="in use by 'cellrig import'"):
            asyncio.run(_begin(store))

    await asyncio.to_thread(while_importing)
    assert (await asyncio.to_thread(import_it)).returncode == 0


async def test_import_waits_for_another_and_for_nothing_that_lasts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second import failed while the first one wrote; a service, or a run of a bench, is not waited for."""
    store, loop = tmp_path / "lab.db", asyncio.get_running_loop()
    async with owning(store) as lock:
        for url, command in (("http://127.0.0.1:1", ""), ("", "cellrig run --bench")):
            lock.write_owner(url, command=command)
            with pytest.raises(AlreadyOwned):
                await lock_when_free(store, 30.0)
        lock.write_owner("", command=IMPORT)
        assert capsys.readouterr().err == ""
        began_s = loop.time()
        with pytest.raises(AlreadyOwned, match="in use by 'cellrig import'"):
            await lock_when_free(store, 30.0)
        assert 30.0 <= loop.time() - began_s < 32.0
        assert capsys.readouterr().err.count("waiting, for 30 s at most") == 1
        second = asyncio.create_task(lock_when_free(store, 30.0))
        await asyncio.sleep(20.0)
        assert not second.done()
    held, _ = await second
    await held.__aexit__(None, None, None)


async def _begin(store: Path) -> None:
    async with owning(store):
        pass


@pytest.mark.parametrize("column", [None, "capacity_ah", "voltage_v", "step_time_s"])
def test_steps_of_an_imported_file_are_computed_again(store: Store, tmp_path: Path, column: str | None) -> None:
    """A package of such a run was called sound although none of its steps had been compared with its records."""
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
    if column is not None:
        with store.transaction() as connection:
            sql = f"UPDATE sample SET {column} = coalesce({column}, 0.0) + 1e-6 WHERE sequence = 14"  # noqa: S608 names of ours
            assert connection.execute(sql).rowcount == 1
    write_zip(store, run_id, tmp_path / "out.zip", _untold(""), [], pictures=False)
    verdict = verify(tmp_path / "out.zip")
    assert verdict.is_sound is (column is None)
    told = " ".join((*verdict.wrong, *verdict.checked))
    assert ("the records of 1 imported test give its steps" in told) is (column is None)
    assert ("executed step 2 of test 1 is stored with" in told) is (column is not None)
    assert "0 tests" not in told
    sentences = [one.sentence for one in check_store(store.path, now_unix_s=AT).findings]
    assert "1 imported test is kept as it came: its records were not compared with steps" in " ".join(sentences)


def test_cell_file_of_an_import_is_kept_as_that_of_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and hash of ``--cell`` were lost: ``show`` names it, reports read it, the package has it."""
    monkeypatch.chdir(tmp_path)
    text = cell_text("coated-lfp").replace("CR2032", "CR2025, of the second batch")
    Path("mine.yaml").write_text(text)
    cellrig("import", half_cycles(Path("a.bdf.csv")), "--cell", "mine.yaml", "--store", "x.db")
    with open_store(Path("x.db")) as store:
        kept, told = Origins(store).of("R000001").cell, details(store, "R000001", 0, 0)["origin"]
        write_zip(store, "R000001", Path("a.zip"), _untold(""), [], pictures=False)
    assert kept == Document("mine.yaml", text)
    assert told["cell_yaml"] == text
    with zipfile.ZipFile("a.zip") as zipped:
        assert zipped.read("cell.yaml").decode() == text
    assert verify(Path("a.zip")).is_sound
    shown = cellrig("show", "R000001", "--store", "x.db").stdout
    assert f"mine.yaml (SHA-256 {Document('', text).sha256[:12]})" in " ".join(shown.split())
    assert "not kept" not in shown

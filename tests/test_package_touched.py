"""Whatever is changed in a package, ``verify`` names it: any byte of it, also of the zip around its files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.packaging.errors import PackageError
from orchestrator.packaging.files import manifest_facts, open_files
from orchestrator.packaging.manifest import FileFacts, Manifest, read_manifest
from orchestrator.packaging.verifying import verify
from orchestrator.packaging.writing import file_facts
from orchestrator.packaging.zip_layout import Piece, layout
from orchestrator.store import open_store
from tests.command_line import cellrig, refused
from tests.package_rig import packed, sealed


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a package."""
    folder = tmp_path_factory.mktemp("package")
    with open_store(folder / "store.sqlite") as store:
        return packed(store, sealed(store), folder)


@pytest.fixture(scope="module")
def pieces(package: Path) -> list[Piece]:
    """Give the pieces of the zip, in order."""
    with open_files(package) as files:
        return list(layout(files.all_facts))


def _touched(package: Path, folder: Path, change: Callable[[bytearray], None]) -> str:
    data = bytearray(package.read_bytes())
    change(data)
    spoiled = folder / "spoiled.zip"
    spoiled.write_bytes(data)
    verdict = verify(spoiled)
    assert not verdict.is_sound
    assert verdict.checked == ()
    return "; ".join(verdict.touched)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
@example(place=0.0, bits=1)
def test_any_flipped_byte_is_named(package: Path, pieces: list[Piece], tmp_path: Path, place: float, bits: int) -> None:
    """What is said begins with the name of the piece in which the byte lies, and names no other."""
    at = int(place * package.stat().st_size)
    piece = next(one for one in pieces if one.offset <= at < one.offset + one.size_bytes)
    told = _touched(package, tmp_path, lambda data: data.__setitem__(at, data[at] ^ bits))
    assert told.startswith(piece.what), (at, told)
    assert told.count(";") == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_every_part_of_the_zip_itself_is_watched(
    package: Path, pieces: list[Piece], tmp_path: Path, data: st.DataObject
) -> None:
    """Headers, directory, its end, and the manifest are few bytes among many: they are flipped on purpose."""
    piece = data.draw(st.sampled_from([one for one in pieces if one.data is not None or one.what == "manifest.json"]))
    at = piece.offset + data.draw(st.integers(0, piece.size_bytes - 1))
    bits = data.draw(st.integers(1, 255))
    told = _touched(package, tmp_path, lambda spoiled: spoiled.__setitem__(at, spoiled[at] ^ bits))
    assert told.startswith(piece.what), (at, told)


def test_what_is_added_cut_or_moved_is_told(package: Path, tmp_path: Path) -> None:
    """Bytes behind the end, an end that is missing, and two files that changed places in the manifest."""
    assert "3 bytes were added" in _touched(package, tmp_path, lambda data: data.extend(b"abc"))
    assert "end of the zip's directory" in _touched(package, tmp_path, lambda data: data.__delitem__(slice(-5, None)))
    half = package.stat().st_size // 2
    assert "tables/" in _touched(package, tmp_path, lambda data: data.__delitem__(slice(half, None)))


def test_file_of_a_folder_that_is_missing_added_or_changed_is_named(package: Path, tmp_path: Path) -> None:
    """A package that was unpacked is watched as well: every file in it, and those that are not of it."""
    folder = tmp_path / "folder"
    shutil.unpack_archive(package, folder)
    assert verify(folder).is_sound
    (folder / "notes.txt").write_text("mine")
    (folder / "cell.json").unlink()
    data = bytearray((folder / "events.json").read_bytes())
    data[7] ^= 4
    (folder / "events.json").write_bytes(data)
    told = verify(folder).touched
    assert [sentence.partition(" ")[0] for sentence in told] == ["cell.json", "events.json", "notes.txt"]


def _forged(package: Path, folder: Path, name: str, change: Callable[[Path], None]) -> tuple[str, ...]:
    """Change a file of an unpacked package, write a manifest that fits, and give what is found wrong."""
    shutil.unpack_archive(package, folder)
    change(folder / name)
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    files = tuple(file_facts(folder, file.path) for file in manifest.files)
    (folder / "manifest.json").write_bytes(Manifest(manifest.run_id, manifest.made_by, files).as_bytes())
    verdict = verify(folder)
    assert verdict.touched == ()
    return verdict.wrong


def _in_json(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    told["run"]["cycles"] += 1
    path.write_text(json.dumps(told), encoding="utf-8")


def test_number_that_the_records_do_not_give_is_named(package: Path, tmp_path: Path) -> None:
    """A summary that claims a cycle more, with hashes that fit it, is found by the rows."""
    (wrong,) = _forged(package, tmp_path / "forged", "summary.json", _in_json)
    assert wrong.startswith("summary.json says that run.cycles is 6, and the rows give 5")


@pytest.mark.parametrize("name", ["charge_capacity_ah", "discharge_capacity_mah_g", "polarisation_v", "start_s"])
def test_number_that_was_improved_by_a_millionth_is_named(package: Path, tmp_path: Path, name: str) -> None:
    """Fractions are compared to nine digits, those of each cycle too."""

    def improve(path: Path) -> None:
        told = json.loads(path.read_text("utf-8"))
        told["cycles"][1][name] *= 1.000001
        path.write_text(json.dumps(told), encoding="utf-8")

    (wrong,) = _forged(package, tmp_path / "forged", "summary.json", improve)
    assert wrong.startswith(f"summary.json says that cycles[1].{name} is ")


def test_record_that_contradicts_its_step_is_named(package: Path, tmp_path: Path) -> None:
    """A voltage that was improved in one record, with hashes that fit it, is found by the step made of it."""

    def improve(path: Path) -> None:
        frame = pl.read_parquet(path)
        row = pl.int_range(pl.len()) == 100
        frame.with_columns(pl.when(row).then(0.25).otherwise("voltage_v").alias("voltage_v")).write_parquet(path)

    wrong = _forged(package, tmp_path / "forged", "tables/sample.parquet", improve)
    assert any("mean_voltage_v" in sentence or "resistance_ohm" in sentence for sentence in wrong), wrong


def _emptied(path: Path) -> None:
    path.write_bytes(b"{}")


def test_program_of_another_run_is_named(package: Path, tmp_path: Path) -> None:
    """The program beside the tables is the one that they tell of; the recipe too."""
    wrong = _forged(package, tmp_path / "forged", "program.json", _emptied)
    assert wrong == ("program.json is not the program that tables/run.parquet tells of",)


def test_rows_that_no_store_takes_are_told(package: Path, tmp_path: Path) -> None:
    """A row that is there twice, a summary that is no JSON, a text that is not the one of its hash."""

    def doubled(path: Path) -> None:
        frame = pl.read_parquet(path)
        pl.concat([frame, frame]).write_parquet(path)

    def other_text(path: Path) -> None:
        pl.read_parquet(path).with_columns(pl.lit("name: other").alias("text")).write_parquet(path)

    for number, (name, change) in enumerate(
        [("tables/cycle.parquet", doubled), ("summary.json", _emptied_wholly), ("tables/document.parquet", other_text)]
    ):
        (wrong,) = _forged(package, tmp_path / str(number), name, change)
        assert wrong.startswith("its rows are those of no store")


def _emptied_wholly(path: Path) -> None:
    path.write_bytes(b"")


def test_package_of_a_newer_cellrig_is_not_judged(package: Path, tmp_path: Path) -> None:
    """A column that this cellrig does not know is no fault of the package: it is said what to do."""

    def more(path: Path) -> None:
        pl.read_parquet(path).with_columns(pl.lit(1).alias("phase")).write_parquet(path)

    with pytest.raises(PackageError, match="column 'phase' of its table 'step'; update cellrig"):
        _forged(package, tmp_path / "forged", "tables/step.parquet", more)
    refused(cellrig("verify", tmp_path / "forged"), 1, "update cellrig")


@pytest.mark.parametrize("sizes", [(), (0,), (5, 0, 2**32 - 1, 2**32, 7)])
def test_layout_of_large_zips_has_no_hole(sizes: tuple[int, ...]) -> None:
    """Pieces follow one another to the end, also where 4 GB are passed."""
    files = [FileFacts(f"f{number}", size, "", number) for number, size in enumerate(sizes)]
    at = 0
    for piece in layout(files):
        assert piece.offset == at
        assert piece.data is None or len(piece.data) == piece.size_bytes
        at += piece.size_bytes


def test_manifest_of_a_manifest_is_its_bytes() -> None:
    """What the zip keeps of the manifest is its size and its check sum."""
    assert (manifest_facts(b"123456789").size_bytes, manifest_facts(b"123456789").crc32) == (9, 0xCBF43926)

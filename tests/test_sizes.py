"""Whatever comes from outside is bounded before it is read, and what is refused stays where it is, for a person."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.chi660e import textfile
from drivers.errors import MeasurementFailed, SettingsError, WrongFile
from orchestrator.bench.simulated import read_variation
from protocols.bounded_file import BadFile, NoSuchFile, read_bounded
from protocols.errors import InputError, RecipeError, UnknownName
from protocols.loading import load_cell, load_recipe
from simulators.bench import read_entries
from simulators.cells.loading import load_cell as load_cell_model
from simulators.chi660e.settings import read_settings
from tests.chi_texts import Text

HEAD = Text("ocpt", [(0.1, 3.2)]).bytes().partition(b"1.000e-1")[0]
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"1\n" * 2 * MIB,
        b"\n" * (MIB // 2),
        b"1.000e-1, 3.214e+0\n" * (MIB // 8),
        b"1," * 4 * MIB + b"\n",
        b"x" * 4 * MIB,
    ],
    ids=["short rows", "no rows", "many rows", "one long row", "no line end"],
)
@pytest.mark.parametrize("head", [HEAD, b""], ids=["after a head", "alone"])
def test_a_result_file_takes_a_bounded_memory(head: bytes, body: bytes) -> None:
    """Megabytes of any shape take less than the rows of the longest measurement: it was 24 times the file's size."""
    data = head + body
    tracemalloc.start()
    try:
        # A head without rows is whole, as far as one file can tell.
        with suppress(MeasurementFailed):
            textfile.read(data, 100_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * MIB


def test_more_rows_or_lines_than_a_measurement_makes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted while they are read, however little memory each of them takes."""
    data = HEAD + b"1.000e-1, 3.214e+0\n" * 3
    assert len(textfile.read(data, 3).rows) == 3
    with pytest.raises(WrongFile, match="more than 2 rows"):
        textfile.read(data, 2)
    monkeypatch.setattr(textfile, "_LINES_MAX", 5)
    with pytest.raises(WrongFile, match="more than 5 lines"):
        textfile.read(data)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (Path.mkdir, UnknownName),
        (os.mkfifo, UnknownName),
        (lambda path: path.symlink_to("/dev/zero"), UnknownName),
        (lambda path: path.symlink_to(path), RecipeError),
        (lambda path: path.write_bytes(b"# " * MIB), RecipeError),
        (lambda path: None, UnknownName),
    ],
    ids=["folder", "pipe", "device", "link to itself", "too long", "nothing"],
)
def test_recipe_and_cell_files_are_small_files(
    tmp_path: Path, make: Callable[[Path], object], error: type[InputError]
) -> None:
    """A pipe, a device or a file of megabytes in place of a recipe or a cell gives a sentence, and nothing waits."""
    path = tmp_path / "mine.yaml"
    make(path)
    for load in (load_recipe, load_cell):
        with pytest.raises(error, match=r"mine\.yaml"):
            load(path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "li-li-0.2/x"])
def test_a_name_that_cannot_be_a_path_is_an_unknown_recipe(name: str) -> None:
    """Whatever is typed in place of a recipe, the answer lists the shipped ones, and is no longer than a page."""
    with pytest.raises(InputError) as caught:
        load_recipe(name)
    assert len(str(caught.value)) < 2000


def test_a_file_that_grows_while_it_is_read_is_still_bounded(tmp_path: Path) -> None:
    """What counts is what is read, not what the folder said before; the limit itself may be read."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_bounded(path, 10) == b"x" * 10
    with pytest.raises(BadFile, match="has 10 bytes, and at most 9 are read"):
        read_bounded(path, 9)
    with pytest.raises(NoSuchFile):
        read_bounded(tmp_path / "none", 9)


def test_a_file_is_not_read_beyond_its_bound() -> None:
    """Files of the system tell no size and may have no end: what is taken in is the bound, not the file."""
    endless = Path("/proc/self/smaps")
    size = len(endless.read_bytes())
    tracemalloc.start()
    try:
        with pytest.raises(BadFile, match="at most 9 are read"):
            read_bounded(endless, 9)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < size / 2


@pytest.mark.parametrize("value", ["[" * 3000, "9" * 5000], ids=["too deep", "endless number"])
def test_simulated_cells_and_instruments_refuse_odd_toml_with_a_sentence(tmp_path: Path, value: str) -> None:
    """Levels and digits without end in a file of a cell model, of cells or of a potentiostat, or behind ``--vary``."""
    path = tmp_path / "odd.toml"
    path.write_text(f"model = {value}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cell model .*odd\.toml is not TOML"):
        load_cell_model(str(path), seed=1)
    with pytest.raises(ValueError, match=r"cells file .*odd\.toml"):
        read_entries(path)
    with pytest.raises(ValueError, match=r"cfg .*odd\.toml"):
        read_settings(str(path))
    with pytest.raises(SettingsError, match="settings of the cell model are no TOML"):
        read_variation([f"model = {value}"])

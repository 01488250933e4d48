"""Text files of the CHI660E: examples composed in the reference, every layout, files cut off or spoiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.chi660e import textfile
from drivers.errors import Incomplete, MeasurementFailed, WrongFile
from tests.chi_texts import Layout, Text
from tests.transcripts import FOLDER

OCPT = Text(
    "ocpt",
    [(0.1, 3.214), (0.2, 3.214), (0.3, 3.213)],
    ["High E Limit (V) = 5", "Low E Limit (V) = -1", "Sample Interval (V) = 0.1", "Run Time (sec) = 400"],
)
SPECTRUM = Text(
    "imp",
    [(8.252e5, 3.001, 1.033, 3.173, 19.0), (1.001e4, 3.039, -0.2241, 3.047, -4.2), (0.1, 47.96, -0.2628, 47.96, -0.3)],
    ["Init E (V) = 0", "High Frequency (Hz) = 1e+6", "Imp SF", "Cycles (.1-1Hz) = 1"],
)
LAYOUTS = st.builds(
    Layout,
    separator=st.sampled_from([", ", ",", "\t", " ", "\n"]),
    figures=st.sampled_from([4, 8, 10, None]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gbk"]),
    memo=st.booleans(),
    parameters=st.booleans(),
    results=st.booleans(),
)


def test_sweep_of_the_reference_is_read() -> None:
    """Memo, parameters, results, columns and rows each land where they belong."""
    file = textfile.read((FOLDER / "chi-driver-cv.saved").read_bytes())
    assert file.memo is not None
    assert (file.memo.technique, file.memo.source, file.memo.header) == ("Cyclic Voltammetry", "Experiment", "j0002")
    assert (file.parameter("Init P/N"), file.parameter("sample interval")) == ("P", "0.001")
    assert "Ep = 0.231V" in file.results
    assert file.columns == ("potential", "current")
    assert file.rows == ((0.001, -1.002e-6), (0.002, -2.001e-6))


def test_spectrum_of_the_reference_is_read() -> None:
    """Bare words stand beside parameters, and rows with a positive imaginary part are kept."""
    file = textfile.read((FOLDER / "chi-driver-imp.saved").read_bytes())
    assert file.words == ("Imp SF",)
    assert file.parameters["High Frequency (Hz)"] == "1e+6"
    assert file.parameter("cycles") == "1"
    assert file.column("imaginary") == (1.033, 0.8506, -0.2241)


@given(st.sampled_from([OCPT, SPECTRUM]), LAYOUTS)
def test_every_layout_says_the_same(text: Text, layout: Layout) -> None:
    """Separator, figures, blocks, line ends and encoding change nothing of what is read."""
    file = textfile.read(text.laid_out(layout).bytes())
    assert [len(row) for row in file.rows] == [len(row) for row in text.rows]
    for seen, meant in zip(file.rows, text.rows, strict=True):
        assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(seen, meant, strict=True))
    assert (file.memo is not None) is layout.memo
    assert (file.parameter("Low Frequency") is None) or text is SPECTRUM
    assert bool(file.parameters) is layout.parameters
    assert bool(file.results) is layout.results


@given(LAYOUTS)
def test_three_columns_are_enough_for_a_spectrum(layout: Layout) -> None:
    """The 3-column form has neither magnitude nor phase."""
    short = replace(SPECTRUM, rows=[row[:3] for row in SPECTRUM.rows], heads=("Freq/Hz", "Z'/ohm", 'Z"/ohm'))
    assert textfile.read(short.laid_out(layout).bytes()).columns == ("frequency", "real", "imaginary")


@given(st.sampled_from([OCPT, SPECTRUM]), LAYOUTS)
def test_no_cut_gives_a_row_that_was_not_written(text: Text, layout: Layout) -> None:
    """Cut at any byte, a file is refused or holds the first of its rows, each whole."""
    data = text.laid_out(layout).bytes()
    whole = textfile.read(data).rows
    for end in range(len(data)):
        try:
            rows = textfile.read(data[:end]).rows
        except (Incomplete, WrongFile):
            continue
        assert rows == whole[: len(rows)]
        assert len(rows) < len(whole) or end >= len(data.decode(layout.encoding).rstrip().encode(layout.encoding))


@given(st.binary(max_size=300))
def test_whatever_is_no_such_file_is_refused(data: bytes) -> None:
    """Bytes of any kind raise one of the two errors and nothing else."""
    with pytest.raises((Incomplete, WrongFile)):
        textfile.read(data)


@given(st.sampled_from([OCPT, SPECTRUM]), st.data())
def test_a_spoiled_byte_is_refused_or_read(text: Text, data: st.DataObject) -> None:
    """One byte changed anywhere raises nothing but the errors of this project."""
    spoiled = bytearray(text.bytes())
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    try:
        rows = textfile.read(bytes(spoiled)).rows
    except MeasurementFailed:
        return
    assert all(math.isfinite(value) for row in rows for value in row)


SPOILINGS: list[tuple[Callable[[str], str], type[MeasurementFailed]]] = [
    (lambda text: "", Incomplete),
    (lambda text: text.rstrip()[:-1], Incomplete),
    (lambda text: text.rstrip()[:-3], Incomplete),
    (lambda text: text.rstrip().replace("3.214e+0", "3.214e-10").replace("3.213e+0", "3.213e-1"), Incomplete),
    (lambda text: text.split("1.000e-1")[0], Incomplete),
    (lambda text: text.replace("3.000e-1, 3.213e+0", "3.000e-1"), Incomplete),
    (lambda text: text.replace("2.000e-1, 3.214e+0", "2.000e-1"), WrongFile),
    (lambda text: text.replace("2.000e-1", "nan"), WrongFile),
    (lambda text: text.replace("2.000e-1", "inf"), WrongFile),
    (lambda text: text.replace("2.000e-1", "1e999"), WrongFile),
    (lambda text: text.replace("2.000e-1", "1.#IND"), WrongFile),
    (lambda text: text.replace("2.000e-1", "2_0"), WrongFile),
    (lambda text: text.replace("3.213e+0", "3.213e+"), Incomplete),
    (lambda text: text.replace("2.000e-1", "2.000e-1\0"), WrongFile),
]


@pytest.mark.parametrize(("spoil", "error"), SPOILINGS)
def test_spoiled_file_is_refused_with_the_right_error(
    spoil: Callable[[str], str], error: type[MeasurementFailed]
) -> None:
    """What ends too soon is incomplete; what is wrong in the middle is another file."""
    with pytest.raises(error):
        textfile.read(spoil(OCPT.bytes().decode()).encode())


def test_chinese_file_is_read_in_gbk_and_utf_8() -> None:
    """A localised build writes its technique in Chinese, in an encoding that it does not name."""
    for encoding in ("gbk", "utf-8", "utf-16"):
        text = replace(OCPT, title="开路电位-时间", note="电池", layout=Layout(encoding=encoding))
        memo = textfile.read(text.bytes()).memo
        assert memo is not None
        assert (memo.technique, memo.note) == ("开路电位-时间", "电池")


def test_file_of_data_never_saved_is_read() -> None:
    """The third line may be a remark instead of the file's name."""
    memo = textfile.read(replace(OCPT, file="run unsaved").bytes()).memo
    assert memo is not None
    assert (memo.file, memo.header) == ("", "j1")


def test_other_columns_are_kept_by_their_own_names() -> None:
    """The log of a Tafel plot, or a charge, does not shift the columns that count."""
    text = Text("cv", [(0.1, -1e-6, -6.0)], heads=("Potential/V", "Current/A", "log(i/A)"))
    file = textfile.read(text.bytes())
    assert file.columns == ("potential", "current", "log(i/a)")
    assert file.column("current") == (-1e-6,)


def test_segments_may_be_parted_by_lines() -> None:
    """Blank lines and ``Segment 2:`` between rows are an option of the program."""
    text = OCPT.bytes().decode().replace("2.000e-1", "\r\nSegment 2:\r\n2.000e-1")
    assert len(textfile.read(text.encode()).rows) == 3

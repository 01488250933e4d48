"""What reporting commands print at each width, beside pictures that a person has looked at, and on a real terminal."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.output import ProgressView, print_table
from orchestrator.cli.tables import Column, cell_width, hanging, laid_out, significant, wrapped
from orchestrator.cli.watch import picture
from orchestrator.events import RunUpdate
from orchestrator.states import RunState
from tests.command_line import cellrig, refused
from tests.terminal_pictures import FOLDER, WIDTHS, command, pictures, surroundings, written
from tests.terminal_rack import Rack, make_rack

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="zones and pseudo-terminals are POSIX's")

ANEW = "look at it, and if it is right make all anew: python -m tests.terminal_pictures"


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Rack:
    """Give the rack of the pictures, made once."""
    with surroundings():
        return make_rack(tmp_path_factory.mktemp("rack"))


@pytest.mark.parametrize("name", WIDTHS)
def test_pictures_are_those_that_were_looked_at(rack: Rack, name: str) -> None:
    """Every reporting command; nothing is padded at the end of a line, and no line is wider than the terminal."""
    width = WIDTHS[name]
    golden = {file.name.split(".")[0]: file.read_text("utf-8") for file in FOLDER.glob(f"*.{name}.txt")}
    drawn = pictures(rack, width)
    assert drawn.keys() == golden.keys(), ANEW
    for what, text in drawn.items():
        assert text == golden[what], f"{what} at {name}: {ANEW}"
        lines = text.splitlines()
        assert [line for line in lines if line != line.rstrip()] == [], what
        if width is not None and not what.endswith("all-columns"):
            assert [line for line in lines if cell_width(line) > width] == [], what


def _on_a_terminal(rack: Rack, columns: int) -> str:
    """Give what ``cellrig runs`` writes to a terminal of so many columns."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, os.fdopen(ours, "rb", 0) as screen:
        with contextlib.redirect_stdout(terminal):
            command(("runs", "--store", str(rack.store)))
            terminal.flush()
        shown = b""
        while not shown.endswith(b"--json.\r\n"):
            shown += os.read(screen.fileno(), 65536)
    return shown.decode().replace("\r\n", "\n")


def test_terminal_has_its_own_width_and_bold_heads(rack: Rack) -> None:
    """As in a pipe with COLUMNS, but for the head; with NO_COLOR, or a terminal that knows no bold, even that."""
    golden = (FOLDER / "runs.80.txt").read_text("utf-8")
    with surroundings(TERM="xterm"):
        shown = _on_a_terminal(rack, 80)
    assert shown.startswith("\x1b[1m")
    assert re.sub(r"\x1b\[\d+m", "", shown) == golden
    for plain in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        with surroundings(**plain):
            assert _on_a_terminal(rack, 80) == golden


def test_screen_says_what_it_has_no_lines_for(rack: Rack) -> None:
    """``watch`` on a low terminal: the last line counts the others, and where a person is needed stands first."""
    whole = picture(dict(rack.status), "", 80, 100).plain.splitlines()
    shown = picture(dict(rack.status), "", 80, 6).plain.splitlines()
    assert shown[:5] == whole[:5]
    assert shown[0] == "a person is needed at 21-1-6"
    assert shown[5:] == [f"and {len(whole) - 5} lines more: a higher window, or cellrig status"]


_WORDS = st.text(st.characters(categories=["L", "N"], include_characters=" "), max_size=40)
_ROWS = st.lists(st.tuples(_WORDS, st.floats(-1e4, 1e4) | st.none(), st.integers(0, 999), _WORDS), max_size=5)
_COLUMNS = (Column("label", least=6), Column("v", "V", goes=1), Column("cycles", goes=2), Column("why", least=8))


@given(rows=_ROWS, width=st.integers(10, 120) | st.none(), below=st.booleans())
def test_no_word_is_lost_or_broken(rows: list[tuple[object, ...]], width: int | None, below: bool) -> None:
    """At any width each word stands in its row, whole, unless its column is named as left out; nothing is padded."""
    columns = (*_COLUMNS[:-1], Column("why", least=8, below=below))
    table = laid_out(columns, rows, width)
    whole = laid_out(columns, rows, None)
    assert whole.left_out == ()
    assert [len(row) for row in whole.rows] == [1] * len(rows)
    left = {column.name for column in table.left_out}
    for row, lines in zip(rows, table.rows, strict=True):
        assert [line for line in lines if line != line.rstrip()] == []
        words = " ".join(lines).split()
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, str) and column.name not in left:
                assert [word for word in value.split() if word not in words] == []


def test_lines_break_at_spaces_but_not_before_a_unit() -> None:
    """A Chinese letter takes two columns; a word that is too long stays whole."""
    assert wrapped("it had 0.2 mA/cm2 then", 11) == ["it had", "0.2 mA/cm2", "then"]
    assert wrapped("对称 电池", 6) == ["对称", "电池"]
    assert wrapped("see /a/very/long/path now", 8) == ["see", "/a/very/long/path", "now"]
    assert hanging("note: one two three four five six", 28, 6) == "note: one two three four\n      five six"


@pytest.mark.parametrize("width", [None, 20, 80])
def test_escape_sequence_in_a_name_reaches_no_terminal(width: int | None) -> None:
    """A file's name and an older store's label may hold one; spaces stand in its place, and lines stay lines."""
    told = hanging("recipe file   \x1b[31mred\x1b]0;title\x07\x9b2J\r\u202e.yaml\nsecond line", width, 14)
    assert [letter for letter in told if not letter.isprintable() and letter != "\n"] == []
    assert told.startswith("recipe file")
    assert told.endswith("second line")


def test_label_that_looks_like_markup_is_shown_as_it_is() -> None:
    """``[/x]`` closes nothing and ``[red]`` colours nothing on the bars of a terminal."""
    import pty

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, os.fdopen(ours, "rb", 0) as screen:
        with contextlib.redirect_stderr(terminal), ProgressView() as view:
            view.show(RunUpdate("R000001", "[/x][red]A", "21-1-3", RunState.RUNNING, "", 60.0, 3600.0, 1, 0.1, 2))
        terminal.flush()
        assert b"[/x][red]A" in screen.read(65536)


def test_name_with_a_full_stop_ends_the_list_of_columns_left_out() -> None:
    """As that of a step's number does: one full stop is enough."""
    found: dict[str, str] = {}
    with surroundings(COLUMNS="30"), written(found, "table"):
        print_table((Column("no.", goes=1), Column("what", wants=28)), [(1, "a" * 28)])
    assert "Left out at 30 columns: no. To" in " ".join(found["table"].split())


def test_numbers_have_the_figures_that_mean_something() -> None:
    """Columns of a unit have the same decimals, no exponent and no minus zero; NaN and None are a dash."""
    rows = [(0.15642, 0.08635), (-0.0000001, float("nan")), (0.1, None)]
    table = laid_out((Column("charge", "mAh"), Column("discharge", "mAh")), rows, 80)
    assert [line.split() for (line,) in table.rows] == [["0.15642", "0.08635"], ["0.00000", "-"], ["0.10000", "-"]]
    assert [significant(value) for value in (0.2, 12345.6, 140.23, 0.0)] == ["0.2", "12346", "140.2", "0"]


def test_runs_are_chosen_by_filters_with_local_times(rack: Rack, tmp_path: Path) -> None:
    """Those of REST; a date alone is this machine's, and as an end it counts too."""

    def ids(*filters: str) -> list[str]:
        found: dict[str, str] = {}
        with written(found, "runs"):
            command(("runs", "--store", str(rack.store), "--columns", "run", *filters))
        return [line[-1] for line in found["runs"].splitlines() if line.startswith("R")]

    with surroundings():
        assert ids("--state", "running", "--state", "queued") == ["5", "7"]
        assert ids("--channel", "21-1-5", "--recipe", "li-li-0.2") == ["5"]
        assert ids("--label", "B2", "--label", "conditioned-li-cu") == ["3", "4"]
        # 01:03 here is 00:03 in UTC.
        assert ids("--since", "2026-01-05 01:03") == ["4", "5", "6", "7"]
        assert ids("--until", "2026-01-05T00:02:30Z", "--last", "2") == ["2", "3"]
        assert len(ids("--since", "2026-01-05", "--until", "2026-01-05", "--real")) == 7
        assert ids("--until", "2026-01-04") == ids("--simulated") == []
    told = cellrig("runs", "--store", rack.store, "--label", "no such").stdout
    assert re.fullmatch(r"no run in .* passes --label 'no such'\n", told)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--state", "runing"), ["--state", "'running'"]),
        (("--since", "tomorrow"), ["--since", "2026-11-27", "'tomorrow'"]),
        (("--until", "9999-12-31"), ["--until"]),
        (("--last", "0"), ["--last"]),
        (("--label", "x" * 300), ["--label", "200"]),
        (("--columns", "run,sample"), ["--columns", "'sample'", "samples"]),
    ],
)
def test_filter_that_means_nothing_is_refused(rack: Rack, arguments: tuple[str, ...], words: list[str]) -> None:
    """The option is named, with what would be right."""
    refused(cellrig("runs", "--store", rack.store, *arguments), 2, *words)

"""Pictures of runs show what was measured: no extreme is lost, no gap is bridged, nothing is left outside the axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from drivers.interfaces import Sample
from orchestrator.report.journal_page import Page, style, width_mm
from orchestrator.report.picture_choices import ChosenCycles, Over, usual_cycles
from orchestrator.report.picture_sheet import NothingToDraw, PictureOrder, from_zero
from orchestrator.report.run_curves import CapacityUnit, MarkKind, capacity_unit, marks_of, over_capacity, over_time
from orchestrator.report.run_pictures import draw_runs, usual_over
from orchestrator.report.thinning import kept_rows
from orchestrator.report.voltage_axis import stretched_by
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from tests.command_line import cellrig, refused
from tests.export_rig import add_spectrum
from tests.run_maker import CELL, CUTS_S, PROGRAM, RunMaker, cycling, program_of

NAN = float("nan")


def made_run(store: Store, cuts_s: tuple[float, ...] = ()) -> RunData:
    """Give a run of five cycles with a spectrum in between, cut anywhere."""
    return RunData(store, RunMaker(store, PROGRAM).run(cuts_s))


def spike(store: Store, run_id: str, voltage_v: float | None) -> None:
    """Let one record in the middle of the first test say something else."""
    with store.transaction() as connection:
        first = RunData(store, run_id).tests[0].row.id
        connection.execute("UPDATE sample SET voltage_v = ? WHERE test = ? AND sequence = 200", (voltage_v, first))


def test_reduction_keeps_ends_extremes_and_missing_readings() -> None:
    """Of a stripe with a thousand rows those remain that a picture can show, as they were, and a NaN stays a gap."""
    values = np.sin(np.linspace(0, 20, 1000))
    values[321], values[500] = 9.0, NAN
    rows = kept_rows(np.zeros(1000, np.int64), (values,))
    assert {0, 321, 500, 999} <= set(rows.tolist())
    assert int(np.nanargmin(values)) in rows
    assert len(rows) <= 5
    assert kept_rows(np.array([], np.int64), ()).tolist() == []


@pytest.mark.parametrize("stripes", [3, 100_000])
def test_trace_over_time_keeps_a_spike_and_bridges_no_gap(store: Store, stripes: int) -> None:
    """A record that the whole picture depends on is drawn at any width; between two tests there is no line."""
    data = made_run(store, CUTS_S)
    spike(store, data.run.run_id, 4.5)
    curve = over_time(data, stripes)
    assert np.nanmax(curve.volts) == 4.5
    assert np.nanmin(curve.volts) == pytest.approx(-0.2)
    recorded = [test for test in data.tests if test.last is not None]
    assert np.isnan(curve.hours).sum() == len(recorded) - 1 == 4
    assert {mark.kind for mark in marks_of(data)} == {MarkKind.GAP, MarkKind.GOING_ON}


def test_lost_records_and_missing_readings_break_the_line(store: Store) -> None:
    """A line through hours without a record would be a measurement that nobody has made."""
    data = made_run(store)
    spike(store, data.run.run_id, None)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE sequence BETWEEN 50 AND 80")
    curve = over_time(RunData(store, data.run.run_id), 3)
    # Two tests, records missing in both, and one reading.
    assert np.isnan(curve.volts).sum() == 1 + 2 + 1


def test_half_cycle_is_one_curve_from_zero_through_its_interruption(store: Store) -> None:
    """The charge of what was left goes on from what had passed, without a line across the outage."""
    data = made_run(store, CUTS_S)
    charge, discharge = over_capacity(data, [2], CapacityUnit.PER_AREA, 100_000)
    assert np.nanmax(charge.capacity) == pytest.approx(np.nanmax(discharge.capacity)) == pytest.approx(2 * 60 / 3600)
    assert np.isnan(discharge.volts).sum() == 2
    assert not np.isnan(charge.volts).any()


def test_capacities_are_per_gram_or_area_as_the_kind_of_cell_asks_and_its_file_tells() -> None:
    """A unit that one of the cells cannot be given in is not used for any."""
    lfp = replace(CELL, kind="lfp")
    bare = replace(lfp, active_mass_mg=None)
    assert capacity_unit([lfp, lfp]) is CapacityUnit.PER_MASS
    assert capacity_unit([lfp, bare]) is capacity_unit([CELL]) is CapacityUnit.PER_AREA
    assert capacity_unit([replace(bare, area_cm2=None), lfp]) is CapacityUnit.PER_CELL


def test_axes_fit_all_data_and_a_spike_that_stretches_them_is_told(store: Store) -> None:
    """Nothing is clipped in silence: the axis has the spike, and the range without it marks where it is."""
    data = made_run(store)
    spike(store, data.run.run_id, 4.5)
    figure, notes = draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME))
    assert figure.axes[0].get_ylim()[1] > 4.5
    assert len(notes) == 1
    assert "--voltage-range" in notes[0]
    figure, notes = draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME, voltage_v=(-0.3, 0.3)))
    assert figure.axes[0].get_ylim() == (-0.3, 0.3)
    assert [np.asarray(line.get_ydata()).tolist() for line in figure.axes[0].lines if line.get_marker() == 6] == [[0.3]]
    assert "above 0.3 V" in notes[0]


def test_temperature_of_the_place_is_a_panel_below_and_its_extremes_stay(store: Store) -> None:
    """A minute of an open oven stays in the picture, and a run without a thermometer says that it has none."""
    data = made_run(store)
    without = draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME, temperature=True))[1]
    assert without == [f"{data.run.run_id} has no temperature in any of its samples"]
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET temperature_degc = CASE sequence WHEN 201 THEN 48.5 ELSE 60.0 END")
    figure, notes = draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME, temperature=True))
    assert notes == []
    _, lower, lowest = figure.axes
    assert (lower.get_xlabel(), lowest.get_xlabel()) == ("", "time / h")
    assert np.nanmin(np.asarray(lowest.lines[0].get_ydata())) == 48.5
    assert len(draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME))[0].axes) == 2


@pytest.mark.parametrize("over", [Over.CYCLE, Over.PLATED])
def test_points_that_lie_together_stand_clear_of_the_edge(store: Store, over: Over) -> None:
    """Capacities that a limit sets, or plateaus that do not change, were cut in half by the frame above them."""
    run_id = made_run(store).run.run_id
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = voltage_v * 0.99 WHERE step_count < 6")
        connection.execute("UPDATE step SET mean_voltage_v = mean_voltage_v * 0.99 WHERE step_count < 6")
    figure, _ = draw_runs(store, [run_id], PictureOrder(over))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    highest = max(np.nanmax(np.asarray(line.get_ydata(), float)) for line in axes.lines if line.get_marker() == "o")
    room_px = np.diff(axes.transData.transform([(0.0, highest), (0.0, axes.get_ylim()[1])]), axis=0)[0, 1]
    assert room_px > 3.2 / 2 / 72 * figure.dpi
    assert axes.get_ylim()[0] == 0


def test_labels_of_three_panels_lie_apart(store: Store) -> None:
    """In a column's width the label of the temperature touched that of the current above it."""
    run_id = made_run(store).run.run_id
    with store.transaction() as connection:
        connection.execute("UPDATE run SET simulated = 1")
        connection.execute("UPDATE sample SET temperature_degc = 60.0")
    with style():
        figure, _ = draw_runs(store, [run_id], PictureOrder(Over.TIME, temperature=True))
        figure.draw_without_rendering()
        boxes = [axes.yaxis.label.get_window_extent() for axes in figure.axes]
    half_a_letter_px = 7.5 / 2 / 72 * figure.dpi
    assert all(above.y0 - below.y1 > half_a_letter_px for above, below in pairwise(boxes))


def test_regular_peaks_are_no_spikes() -> None:
    """The end of each stripping of a Li/Cu cell reaches a volt: an axis that shows it is as it should be."""
    volts = np.where(np.arange(1000) % 100 == 99, 1.0, -0.05) + np.linspace(0, 1e-3, 1000)
    assert stretched_by("R000001", np.arange(1000.0), volts) == []


@pytest.mark.parametrize("heights", [[46.0, 47.0], [46.0, -3.0, 47.0], [0.0, 0.0]])
def test_axis_from_zero_cuts_no_mark(heights: list[float]) -> None:
    """Where all heights lie close together, half of the highest mark was outside."""
    axes = Figure().subplots()
    axes.plot(range(len(heights)), heights, "o")
    from_zero(axes)
    low, high = axes.get_ylim()
    assert low <= min(heights)
    assert (low == 0.0) == (min(heights) > 0)
    assert high >= 1.05 * max(heights)
    assert high > low


def test_several_runs_have_names_and_colours_of_their_own(store: Store) -> None:
    """Two runs of one label bear their ids; of cycles a picture per run has what that run has."""
    runs = [made_run(store).run.run_id for _ in range(2)]
    figure, notes = draw_runs(store, runs, PictureOrder(Over.CAPACITY, cycles=ChosenCycles.parse("1,9,last")))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["made R000001", "made R000002", "cycle 1", "cycle 5"]
    assert [note for note in notes if "no cycle 9; it has 1 to 5" in note]
    assert len({line.get_color() for line in figure.axes[0].lines}) == 2
    figure, _ = draw_runs(store, runs, PictureOrder(Over.CYCLE))
    assert figure.axes[0].get_ylabel() == "mean overpotential / mV"
    assert usual_over(store, runs) is Over.TIME


def test_one_cycle_alone_is_drawn_over_time(store: Store) -> None:
    """Of a titration the picture over cycles would be a dot; two cycles are drawn over cycles."""
    lfp = replace(CELL, kind="lfp")
    one, two = (RunMaker(store, replace(program_of(cycling(count)), cell=lfp)) for count in (1, 2))
    for maker in (one, two):
        maker.run()
    assert usual_over(store, [one.run_id]) is Over.TIME
    assert usual_over(store, [two.run_id]) is usual_over(store, [one.run_id, two.run_id]) is Over.CYCLE


def test_runs_without_samples_cycles_or_length_are_told_or_drawn(store: Store) -> None:
    """One record is a dot, none is a sentence, beside a run that has some it is a note."""
    program = program_of(cycling(1))
    one, none = RunMaker(store, program), RunMaker(store, program)
    test = one._add_test(0, program.segments[0].to_json(), 1)  # noqa: SLF001 - a run that has only begun
    store.tick({test: [Sample(1, 0.0, 0.0, 1, 1, 1, "cc", 0.1, 0.002, 0.0, 0.0, one.now_unix_s)]})
    figure, notes = draw_runs(store, [one.run_id, none.run_id], PictureOrder(Over.TIME))
    assert [line.get_marker() for line in figure.axes[1].lines] == ["None", "o"]
    assert notes == ["R000002 has no samples (it is queued)"]
    with pytest.raises(NothingToDraw, match="R000002 has no samples"):
        draw_runs(store, [none.run_id], PictureOrder(Over.TIME))
    for over in (Over.CYCLE, Over.CAPACITY):
        with pytest.raises(NothingToDraw, match=r"R000001 .*--over time"):
            draw_runs(store, [one.run_id], PictureOrder(over))


def test_run_of_spectra_alone_is_told_what_draws_them(store: Store) -> None:
    """A spectrum that was imported has no trace over time."""
    data = made_run(store)
    add_spectrum(store, data.run.run_id)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample")
    with pytest.raises(NothingToDraw, match="cellrig spectra R000001 draws its spectra"):
        draw_runs(store, [data.run.run_id], PictureOrder(Over.TIME))


@pytest.mark.parametrize("over", [Over.TIME, Over.CAPACITY])
def test_run_without_a_voltage_is_told_and_not_drawn(store: Store, over: Over) -> None:
    """Empty axes look like a measurement of nothing; beside a run that has voltages it is a note."""
    none, some = made_run(store).run.run_id, made_run(store).run.run_id
    tests = ", ".join(str(test.row.id) for test in RunData(store, none).tests)
    with store.transaction() as connection:
        connection.execute(f"UPDATE sample SET voltage_v = NULL WHERE test IN ({tests})")  # noqa: S608 - ids
    with pytest.raises(NothingToDraw, match=r"R000001 has no .*voltage"):
        draw_runs(store, [none], PictureOrder(over))
    _, notes = draw_runs(store, [none, some], PictureOrder(over))
    assert [note for note in notes if "R000001 has no" in note]
    with store.transaction() as connection:
        connection.execute(f"DELETE FROM sample WHERE test IN ({tests})")  # noqa: S608 - ids
    with pytest.raises(NothingToDraw, match="R000001 has no"):
        draw_runs(store, [none], PictureOrder(over))


def test_cycles_without_a_mean_voltage_are_told_and_not_drawn(store: Store) -> None:
    """Steps whose voltage was never read have no point over cycles."""
    run_id = made_run(store).run.run_id
    with store.transaction() as connection:
        connection.execute("UPDATE step SET mean_voltage_v = NULL")
    with pytest.raises(NothingToDraw, match="R000001 has no mean voltage in any of its cycles"):
        draw_runs(store, [run_id], PictureOrder(Over.CYCLE))


def test_efficiencies_of_different_kinds_name_their_runs(store: Store) -> None:
    """A Li/Cu cell's efficiency is charge by discharge, an LFP cell's discharge by charge: which is whose is said."""
    kinds = [replace(PROGRAM, cell=replace(CELL, kind=kind)) for kind in ("li-cu", "lfp")]
    runs = [RunMaker(store, program).run() for program in kinds]
    with store.transaction() as connection:
        connection.execute("UPDATE step SET end_reason = 'voltage'")
    _, notes = draw_runs(store, runs, PictureOrder(Over.CYCLE))
    (note,) = (note for note in notes if "coulombic" in note)
    assert note == (
        "coulombic efficiency is charge/discharge of the cycle before in R000001, discharge/charge in R000002"
    )


def test_cycles_and_widths_are_read_as_people_write_them() -> None:
    """Numbers, ranges and last; single, double and millimetres; anything else is answered with what would be right."""
    assert ChosenCycles.parse("1, 5,48-50,last").of(range(1, 61), range(1, 60)) == [1, 5, 48, 49, 50, 59]
    assert usual_cycles(range(1, 51), 5) == [1, 13, 25, 38, 50]
    for wrong in ("", "0", "5-1", "first", "1.5"):
        with pytest.raises(ValueError, match="say numbers from 1, ranges or last"):
            ChosenCycles.parse(wrong)
    assert [width_mm(text) for text in ("single", "double", "120", "120mm")] == [89.0, 183.0, 120.0, 120.0]
    for wrong in ("3", "wide", "nan"):
        with pytest.raises(ValueError, match="single, double or millimetres"):
            width_mm(wrong)
    assert Page(89.0).columns_of_legend(["a" * 40] * 3) == 1


def test_command_draws_files_that_say_what_they_are_and_replaces_none(tmp_path: Path) -> None:
    """A file has the runs and the version inside, and the same bytes when it is made again; one that is there stays."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        made_run(store)
    files = [tmp_path / name for name in ("a.png", "a.svg", "b.svg", "a.pdf")]
    for file in files:
        ran = cellrig("plot", "R000001", "--store", path, "--dpi", "72", "-o", file)
        assert (ran.returncode, ran.stdout) == (0, f"{file}\n"), ran.stderr
        assert b"cellrig 0." in file.read_bytes()
    assert b"R000001 (made, made, made) over time" in files[0].read_bytes()
    assert files[1].read_bytes() == files[2].read_bytes()
    refused(cellrig("plot", "R000001", "--store", path, "-o", tmp_path / "a.png"), 1, "is there already", "--force")
    assert cellrig("plot", "R000001", "--store", path, "--dpi", "72", cwd=tmp_path).stdout == "R000001-time.png\n"


def test_letters_that_no_font_has_are_told_once(tmp_path: Path) -> None:
    """In a sentence, and not in warnings of the library; cuneiform is in no usual font."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        for label in ("A\U00012000\U00012001\U00012000", "A18"):
            run_id = made_run(store).run.run_id
            store.connection.execute("UPDATE run SET label = ? WHERE run_id = ?", (label, run_id))
    ran = cellrig("plot", "R000001", "R000002", "--store", path, "-o", tmp_path / "a.png")
    assert (ran.returncode, ran.stdout) == (0, f"{tmp_path / 'a.png'}\n"), ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if "font" in line or "Glyph" in line]
    assert line.startswith("cellrig: no font of this machine has \U00012000\U00012001: boxes stand for them")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("-o", "a.gif"), 2, ["a.gif", ".png, .svg, .pdf"]),
        (("--width", "3"), 2, ["single, double or millimetres"]),
        (("--cycles", "x"), 2, ["numbers from 1"]),
        (("--cycles", "1", "--over", "cycle"), 2, ["--over capacity"]),
        (("--voltage-range", "1", "0"), 2, ["the lower voltage first"]),
        (("--title", "a\x1b[31m"), 2, ["one line, without control characters"]),
        (("--title", "x" * 2000), 1, ["leave no room for the axes; shorten --title"]),
        (("R000009",), 1, ["R000009"]),
        (("-o", "no/such/folder.png"), 1, ["cannot be written"]),
    ],
    ids=["ending", "width", "cycles", "over", "range", "escape", "title", "run", "folder"],
)
def test_wrong_use_is_one_clear_sentence(
    tmp_path: Path, arguments: tuple[str, ...], status: int, words: list[str]
) -> None:
    """What is wrong is named with what would be right, and no file is left (faults F09)."""
    with open_store(tmp_path / "lab.db") as store:
        made_run(store)
    refused(cellrig("plot", "R000001", "--store", "lab.db", *arguments, cwd=tmp_path), status, *words)
    assert not list(tmp_path.glob("*.png"))


def test_title_is_drawn_as_typed(tmp_path: Path) -> None:
    """A dollar begins no formula."""
    with open_store(tmp_path / "lab.db") as store:
        made_run(store)
    ran = cellrig("plot", "R000001", "--store", "lab.db", "--title", r"$\foo$", "--dpi", "72", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_path_of_a_picture_commands_no_terminal(tmp_path: Path) -> None:
    """A file's name may hold an escape sequence: it is told with spaces in its place."""
    with open_store(tmp_path / "lab.db") as store:
        made_run(store)
    ran = cellrig("plot", "R000001", "--store", "lab.db", "-o", "a\x1b[31m.png", "--dpi", "72", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "a [31m.png\n"), ran.stderr

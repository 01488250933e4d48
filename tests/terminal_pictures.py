"""Pictures of what reporting commands print at 80, 120 and 200 columns and into a pipe, as ``tests/golden/terminal``.

``python -m tests.terminal_pictures`` makes all of them anew. Look at each that has changed before it is committed.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from typer.main import get_command

from drivers.interfaces import Spectrum
from orchestrator.analysis.conductivity import Conductivity
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import Steadiness
from orchestrator.analysis.resistance_history import InterfaceRow
from orchestrator.analysis.soft_short_edges import Assessment, Verdict
from orchestrator.analysis.summary import RunSummary
from orchestrator.checks import CheckName, failed, not_asked, passed, warned
from orchestrator.cli.app import app
from orchestrator.cli.cells import print_empty, print_mounted
from orchestrator.cli.demo import print_results
from orchestrator.cli.morning_text import text_of
from orchestrator.cli.operate import print_instruments, print_states, print_status
from orchestrator.cli.preflight import print_checks
from orchestrator.cli.rack_words import print_rack, rack_notes
from orchestrator.cli.spectra import print_spectra
from orchestrator.cli.stops import print_stops
from orchestrator.cli.stores import print_findings
from orchestrator.cli.tables import width_of
from orchestrator.cli.watch import picture
from orchestrator.demo import CELLS, DemoResult, DemoRow
from orchestrator.report.impedance import ImpedanceReport
from orchestrator.report.morning_live import live_rack
from orchestrator.report.morning_reading import Sources, morning
from orchestrator.states import RunState
from orchestrator.store import open_store
from orchestrator.store.row_checks import Finding, Level
from orchestrator.tables.run_data import MeasuredSpectrum
from tests.terminal_rack import Rack, make_rack

FOLDER = Path(__file__).parent / "golden" / "terminal"
# By the end of a picture's name; None: a pipe.
WIDTHS: Mapping[str, int | None] = {"80": 80, "120": 120, "200": 200, "pipe": None}
# An hour ahead of UTC, as people's clocks may be; written so it needs no table of zones.
_ZONE = "LAB-1"
_SCREEN_LINES = 24
# A moment after all that the rack has done.
_MORNING_UNIX_S = 1_767_585_600.0


@contextlib.contextmanager
def surroundings(**given: str | None) -> Iterator[None]:
    """Set variables of the environment, or (None) take them out, and the zone of the pictures."""
    wanted: dict[str, str | None] = {"TZ": _ZONE, **given}
    before = {name: os.environ.get(name) for name in wanted}

    def put(values: Mapping[str, str | None]) -> None:
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        time.tzset()

    put(wanted)
    try:
        yield
    finally:
        put(before)


def pictures(rack: Rack, width: int | None) -> dict[str, str]:
    """Draw all pictures at a width, by their names."""
    found: dict[str, str] = {}
    with surroundings(COLUMNS=None if width is None else str(width)):
        for name, arguments in _COMMANDS.items():
            with written(found, name), contextlib.chdir(rack.store.parent):
                command(arguments)
        for name, draw in _DRAWN.items():
            with written(found, name):
                draw(rack)
    return found


@contextlib.contextmanager
def written(found: dict[str, str], name: str) -> Iterator[None]:
    """Keep what is written in the block to stdout and stderr, under a name."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield
    found[name] = out.getvalue()


def command(arguments: Sequence[str]) -> None:
    """Carry out a command. What typer makes of the functions is made once: that takes longer than most commands."""
    _program()(list(arguments), "cellrig", standalone_mode=False)


@cache
def _program() -> Callable[..., object]:
    return get_command(app)


_STORE = ("--store", "lab.db")
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "runs": ("runs", *_STORE),
    "runs-filtered": ("runs", "--state", "completed", "--since", "2026-01-05", "--last", "2", *_STORE),
    "runs-columns": ("runs", "--columns", "run,label,tested,state", *_STORE),
    "runs-none": ("runs", "--recipe", "li-li-0.4", "--real", *_STORE),
    "show-li-li": ("show", "R000001", *_STORE),
    "show-lfp": ("show", "R000002", *_STORE),
    "show-li-cu": ("show", "R000003", *_STORE),
    "show-short": ("show", "R000004", *_STORE),
    "show-all-columns": ("show", "R000002", "--columns", "all", *_STORE),
    "show-running": ("show", "R000005", *_STORE),
    "show-queued": ("show", "R000007", *_STORE),
    "recipe-list": ("recipe", "list"),
    "recipe-check": ("recipe", "check", "li-li-eis", "--cell", "coated-li-li"),
    "recipe-check-refused": ("recipe", "check", "lfp-200mA-g", "--cell", "coated-li-li"),
    "cell-list": ("cell", "list", *_STORE),
    "cell-show": ("cell", "show", "coated-lfp"),
    "cell-show-tested": ("cell", "show", "B2", *_STORE),
    "cell-check": ("cell", "check", "coated-li-li"),
    "plot": ("plot", "R000004", "R000005", "-o", "both.svg", "--force", *_STORE),
    "extensions": ("extensions",),
}


def _draw_screen(rack: Rack) -> None:
    import sys

    width = width_of(sys.stdout) or 80
    print(picture(dict(rack.status), "", width, _SCREEN_LINES).plain)  # noqa: T201 - as other commands print


def _draw_demo(_: Rack) -> None:
    summary = RunSummary(
        "R000001", "", "li-li-0.2", "bare-li-li", "21-1-1", "li-li", True, 0.0, 0.0, 1.0, RunState.COMPLETED,
        "cell shorted: shorted since 141.6 h (cycle 71, 0.2 mA/cm2): resistance from 880 to 0.9 ohm", 142.1, 71, 17_000,
        141.6, 0.2, 44.4, 0.1, None, None, None,
    )  # fmt: skip
    lasting = replace(summary, hours=602.0, cycles=300, hours_to_short=None, ended_because="program finished")
    lfp = replace(lasting, hours=85.2, cycles=50, capacity_mah_g_cycle_5=126.31, capacity_mah_g_cycle_50=47.2)
    found = (summary, lasting, summary, lasting, lfp, lfp)
    rows = tuple(DemoRow(cell, one) for cell, one in zip(CELLS, found, strict=True))
    names = tuple(Path(f"cellrig-demo/figure-{name}.png") for name in ("3a", "3b", "5a", "5b"))
    print_results(DemoResult(Path("cellrig-demo/cellrig.db"), 140_000, rows, names))


def _draw_spectra(_: Rack) -> None:
    def ohm(value: float) -> Quantity:
        return Quantity(value, value / 150, "ohm")

    steady, changed = Steadiness.STEADY, Steadiness.CHANGED
    remark = "the interface's arc is cut off at the lowest frequency: measure further down, to 10 mHz"
    rows = (
        InterfaceRow(0, ohm(27.31), ohm(204.6), 0.004, steady, False, "R0-p(R1,CPE1)", "the best of three", ""),
        InterfaceRow(20, ohm(27.9), ohm(261.0), 0.004, steady, False, "R0-p(R1,CPE1)", "the best of three", ""),
        InterfaceRow(40, ohm(27.4), None, 0.06, changed, False, "R0-p(R1,CPE1)", "the only one", remark),
    )
    starts = (1_767_571_500.0, 1_767_720_000.0, 1_767_870_000.0)
    spectra = [MeasuredSpectrum(n, n, at, Spectrum((), (), 0.0)) for n, at in enumerate(starts, 1)]
    sigma = Conductivity(Quantity(2.44e-4, 1.0e-6, "S/cm"), ohm(27.31), "the film's arc")
    reasons = ("the interface fell from 261 to 83 ohm within 20 cycles", "the voltage of a half-cycle sagged by 31 %")
    short = Assessment(Verdict.SOFT_SHORT, 41, reasons, True, ())
    report = ImpedanceReport(
        "R000008", "A21", True, tuple(spectra), rows, (), (), (sigma, sigma, None), (), short, ("eis",) * 3
    )
    print_spectra(report)


def _draw_bench(rack: Rack) -> None:
    rows = [{**row, "problem": None} for row in rack.instruments]
    names = [f"27-{unit}-{channel}" for unit in (1, 2) for channel in range(1, 9)]
    away = "127.0.0.1:502 does not answer: is the BTS client running there, and its API switched on?"
    lost = {"name": "ct4008-left", "problem": away, "host_loss": "unknown", "channels": names}
    print_instruments([*rows, lost])


def _draw_store_check(_: Rack) -> None:
    print_findings(
        [
            Finding("integrity", Level.OK, "lab.db is whole"),
            Finding("gaps", Level.OK, "no record is missing among 1204"),
            Finding(
                "runs",
                Level.WRONG,
                "run R000001 is running, but nothing was written for 1.3 h; see whether the service runs",
            ),
            Finding("backup", Level.WRONG, "there is no backup; make one: cellrig store backup --store lab.db"),
        ]
    )


def _draw_morning(rack: Rack) -> None:
    import sys

    live = live_rack("http://127.0.0.1:8765", rack.status, rack_notes(rack.status))
    with open_store(rack.store, read_only=True) as store:
        report = morning(store, Sources(_MORNING_UNIX_S, live))
    # The room on the disk is the machine's, and so is the folder of the store.
    place = "/srv/lab/lab.db"
    rig = tuple(
        replace(line, said=line.said.replace(report.store, place)) for line in report.rig if line.what != "disk"
    )
    print(text_of(replace(report, rig=rig, store=place), width_of(sys.stdout)))  # noqa: T201 - as other commands print


def _draw_preflight(_: Rack) -> None:
    wrong = "channel 21-1-5 shows 0.0004 V, 2.8 to 4 V expected: no cell, or a short, or a cell of another kind?"
    checks = [
        passed(CheckName.STARTS, "the service starts runs"),
        failed(CheckName.VOLTAGE, wrong, "Look at the holder, put the right cell in, and order the run again"),
        warned(CheckName.BACKUP, "the newest backup is 2 d 3 h old, more than 26 h", "make one: cellrig store backup"),
        not_asked(CheckName.OVEN, "this bench names no oven: the temperature of the cell is not checked"),
        not_asked(CheckName.CLOCK, "only a running service can tell"),
        not_asked(CheckName.NOTICES, "only a running service can tell"),
    ]
    told = {"recipe": "lfp-200mA-g", "cell": "bare-lfp", "channel": "21-1-5", "may_start": False}
    print_checks({**told, "checks": [asdict(check) for check in checks]})


_DRAWN: Mapping[str, Callable[[Rack], None]] = {
    "status": lambda rack: print_status(rack.status),
    "watch-once": lambda rack: print_rack(rack.status),
    "watch-screen": _draw_screen,
    "bench-check": _draw_bench,
    "store-check": _draw_store_check,
    "preflight": _draw_preflight,
    "spectra": _draw_spectra,
    "demo": _draw_demo,
    "morning": _draw_morning,
    "stop": lambda rack: print_stops(rack.answers["stop"]),
    "hold": lambda rack: print_stops(rack.answers["hold"]),
    "resume": lambda rack: print_states([rack.answers["resume"]]),
    "ack": lambda rack: print_states([rack.answers["ack"]]),
    "mounted": lambda rack: print_mounted(rack.answers["mounted"]),
    "empty": lambda rack: print_empty(rack.answers["empty"]),
}


def main() -> None:
    """Make all pictures anew, and remove those that nothing makes any more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.iterdir():
        file.unlink()
    with tempfile.TemporaryDirectory() as folder, surroundings():
        rack = make_rack(Path(folder))
        for name, width in WIDTHS.items():
            for what, drawn in pictures(rack, width).items():
                (FOLDER / f"{what}.{name}.txt").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The page of the paper: its numbers beside ours, and its pictures made of our runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orchestrator.analysis.run_analysis import analyse
from orchestrator.analysis.summary import summarize
from orchestrator.clock.durations import duration_words
from orchestrator.paper.experiments import LABELS, MEASURED, PaperRuns
from orchestrator.paper.numbers import Found, PaperNumber, paper_numbers
from orchestrator.report.blocks import Block, Chapter, Picture, Pictures, Report, TextTable, Words, facts, table
from orchestrator.report.impedance import impedance_report
from orchestrator.report.key_numbers import ReportedRun
from orchestrator.report.number_texts import figures
from orchestrator.report.picture_choices import Over
from orchestrator.report.report_pictures import picture_of, spectra_pictures
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData

GENERATOR = "cellrig paper"
"""The mark of the page's author: a file with it may be replaced by the next one."""
_BASES = (
    "The paper's numbers are those that the project was given with its design; '-' is none. Ours is fitted: the model "
    "was fitted to the paper's; set: by the recipe or the cell's file; follows: from the model alone."
)
# What the paper shows beside these, no cycler and no potentiostat can give.
_NOT_OURS = (
    "Only what a battery tester or a potentiostat measures is here: micrographs, spectra of surfaces and all else "
    "of the paper are not. The cells are simulated: no number of this page is a measurement."
)
_FITTED = (
    "The models of the cells were fitted to most of the paper's numbers (docs/cell-models.md says to which). That "
    "ours lie near them shows that recipes, testers, records and sums give what the cell does; it foretells none."
)


def find(store: Store, runs: PaperRuns, told: Callable[[str], None] = lambda _: None) -> Found:
    """Read and analyse the runs; each spectrum takes half a second."""
    datas = {label: RunData(store, runs.run_ids[label]) for label in LABELS}
    reported = {}
    for label, data in datas.items():
        told(f"analysing {label}")
        reported[label] = ReportedRun(
            summarize(store, data.run.run_id), analyse(data), data.program.cell.active_mass_mg is not None
        )
    impedance = {}
    for cell in MEASURED:
        told(f"fitting the spectra of {cell.label}")
        impedance[cell.label] = impedance_report(store, runs.run_ids[cell.label])
    return Found(reported, datas, impedance, runs.is_quick)


def page(store: Store, runs: PaperRuns, found: Found, took_s: float | None = None) -> tuple[Report, list[PaperNumber]]:
    """Return the page, and the numbers that it has. ``took_s`` is how long all of it ran, None to leave it out."""
    numbers = paper_numbers(found)
    chapters = [
        Chapter("The paper's numbers and ours", [*_warnings(runs), _numbers(numbers), Words(_FITTED, is_quiet=True)]),
        Chapter("Li/Li symmetric cells", list(_symmetric(store, runs))),
        Chapter("Plating", list(_plating(store, runs))),
        Chapter("LFP full cells", list(_full(store, runs))),
        Chapter("Impedance", list(_impedance(found))),
        Chapter("The runs", [_runs(runs, found), _made(runs, took_s), Words(_NOT_OURS, is_quiet=True)]),
    ]
    title = "The paper's experiments on the simulated bench"
    kicker = "cellrig, the paper on one page; simulated, no cell is real"
    return Report(GENERATOR, kicker, title, tuple(chapters)), numbers


def _warnings(runs: PaperRuns) -> Iterator[Block]:
    if runs.is_quick:
        yield Words("Made with --quick: every recipe is cut short, and most numbers are missing.", is_warning=True)


def _numbers(numbers: Sequence[PaperNumber]) -> TextTable:
    heads = ("experiment", "quantity", "the paper", "ours", "difference", "%", "ours is", "remark")
    return table(heads, [_row(number) for number in numbers], range(2, 6), _BASES)


def _row(number: PaperNumber) -> tuple[str, ...]:
    def said(value: float | None) -> str:
        return "-" if value is None else figures(value)

    difference = number.difference
    percent = "-" if difference is None or not number.paper else f"{100 * difference / number.paper:+z.1f}"
    paper = (
        f"over {number.paper:g}"
        if number.at_least and number.paper
        else "-"
        if number.paper is None
        else f"{number.paper:g}"
    )
    less = "-" if difference is None else f"{difference:+z.2f}"
    quantity = f"{number.quantity} / {number.unit}"
    return (number.experiment, quantity, paper, said(number.ours), less, percent, number.basis.value, number.reason)


def _symmetric(store: Store, runs: PaperRuns) -> Iterator[Block]:
    yield Words(
        "Two Li discs of 10 mm, bare or coated, PEO-LiTFSI between; an hour each way, cutoffs ±0.5 V. The paper: bare "
        "cells climb and short after about 140 h and 80 h, coated ones are steady for over 600 h and 200 h."
    )
    pictures = []
    for rate, capacity in (("0.2", "0.2"), ("0.4", "0.4")):
        pair = [runs.run_ids[f"{kind}-li-li-{rate}"] for kind in ("bare", "coated")]
        words = f"Li/Li cells at {rate} mA/cm2, {capacity} mAh/cm2 per half-cycle"
        pictures += _drawn(store, pair, (Over.TIME, Over.CYCLE, Over.PLATED), f"li-li-{rate}", words)
    yield Pictures(tuple(pictures))


def _plating(store: Store, runs: PaperRuns) -> Iterator[Block]:
    yield Words("1 mA/cm2 for 20 h onto the working electrode; the paper looks at the deposit afterwards.")
    pair = [runs.run_ids[f"{kind}-plating"] for kind in ("bare", "coated")]
    yield Pictures(tuple(_drawn(store, pair, (Over.TIME,), "plating", "Plating at 1 mA/cm2")))


def _full(store: Store, runs: PaperRuns) -> Iterator[Block]:
    yield Words(
        "LFP on a disc of 10 mm against Li, bare or coated, 60 °C, 200 mA/g both ways between 2.8 and 4.0 V. The "
        "paper: the polarisation of the bare cell grows sharply."
    )
    pair = [runs.run_ids[f"{kind}-lfp"] for kind in ("bare", "coated")]
    words = "LFP full cells at 200 mA/g, 60 °C"
    pictures = _drawn(store, pair, (Over.CYCLE, Over.CAPACITY, Over.VOLTAGE, Over.TIME), "lfp", words, _curves(runs))
    yield Pictures(tuple(pictures))


def _curves(runs: PaperRuns) -> tuple[int, ...]:
    return (2, 5) if runs.is_quick else (5, 50)


def _drawn(
    store: Store, pair: Sequence[str], overs: Sequence[Over], name: str, words: str, cycles: Sequence[int] = ()
) -> list[Picture]:
    drawn = (picture_of(store, pair, over, name, cycles, f"{words}: {_SHOWN[over]}") for over in overs)
    return [picture for picture in drawn if picture is not None]


_SHOWN = {
    Over.TIME: "voltage and current",
    Over.CYCLE: "each cycle",
    Over.PLATED: "plateau (above) and nucleation overpotential (below) of each half-cycle",
    Over.CAPACITY: "voltage of chosen cycles, charge and discharge",
    Over.VOLTAGE: "incremental capacity of chosen cycles",
}


def _impedance(found: Found) -> Iterator[Block]:
    yield Words("Li/Li cells at 0.2 mA/cm2, a spectrum before and after every 20 cycles, 1 MHz to 10 mHz, 10 mV.")
    pictures = [
        one for report in found.impedance.values() for one in spectra_pictures(report) if "bode" not in one.name
    ]
    yield Pictures(tuple(pictures))


def _runs(runs: PaperRuns, found: Found) -> Block:
    rows = []
    for label, run_id in runs.run_ids.items():
        summary = found.runs[label].summary
        end = summary.ended_because
        rows.append(
            (run_id, label, summary.recipe, f"{summary.hours:.1f}", str(summary.cycles), str(summary.samples), end)
        )
    heads = ("run", "cell", "recipe", "h", "cycles", "records", "ended because")
    return table(heads, rows, (3, 4, 5), f"One of them as a report: cellrig report RUN --store {runs.store}")


def _made(runs: PaperRuns, took_s: float | None) -> Block:
    took = "" if took_s is None else duration_words(took_s)
    return facts(("seed", str(runs.seed)), ("store", str(runs.store)), ("took", took))

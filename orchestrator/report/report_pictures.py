"""The pictures of a report: those that a person would put into a paper of such cells, readable in greyscale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.report.blocks import Picture
from orchestrator.report.impedance import ImpedanceReport, figures
from orchestrator.report.journal_page import MOST_RUNS, Page, make_room, plain_style
from orchestrator.report.picture_choices import ChosenCycles, Over
from orchestrator.report.picture_sheet import NothingToDraw, PictureOrder
from orchestrator.report.run_pictures import contents, draw_runs
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.cell import CellKind

_WIDE, _HIGH, _HALF = Page(174.0, 74.0), Page(174.0), Page(85.0)
# So many letters of all labels have room above any picture.
_MANY_LETTERS = 60
# So many names have room above a picture of a set height.
_FEW = 4
_BY_CYCLE = frozenset({Over.CAPACITY, Over.VOLTAGE})
_OVER: Mapping[CellKind, tuple[Over, ...]] = {
    CellKind.LI_LI: (Over.TIME, Over.CYCLE, Over.PLATED),
    CellKind.LI_CU: (Over.TIME, Over.CYCLE, Over.CAPACITY),
}
_OF_HOSTS = (Over.TIME, Over.CYCLE, Over.CAPACITY, Over.VOLTAGE, Over.RATE)
_WORDS: Mapping[Over, str] = {
    Over.TIME: "Voltage and current over the time of the run's tests",
    Over.CYCLE: "Capacity and coulombic efficiency of each cycle",
    Over.CAPACITY: "Voltage over capacity of chosen cycles, charge and discharge",
    Over.VOLTAGE: "Incremental capacity of chosen cycles",
    Over.PLATED: "Plateau (above) and nucleation overpotential (below) of each half-cycle over the plated charge",
    Over.RATE: "Discharge capacity over the rate",
}
_SPECTRA: Mapping[str, str] = {
    "nyquist": "Impedance in the complex plane; lines are fits, marks are decades of frequency",
    "bode": "Modulus and phase of the impedance; lines are fits",
    "resistances": "Resistances over the cycles, by spectra (with errors) and by the half-cycles' voltage over current",
}
# They are drawn for a screen, with larger letters.
_SCALE = 0.7
# What follows is advice for the command line, and no part of a caption.
_ADVICE = re.compile(r"; (to see those better|--over time shows).*")


def pictures_of(store: Store, run_ids: Sequence[str], name: str, cycles: Sequence[int] = ()) -> Iterator[Picture]:
    """Yield the pictures of runs of one kind of cell, laid over each other; what they do not have is not drawn.

    ``cycles`` are those of which curves are shown, a few over the run if none is named.
    """
    kind = CellKind(RunData(store, run_ids[0]).program.cell.kind)
    for over in _OVER.get(kind, _OF_HOSTS):
        if (picture := picture_of(store, run_ids, over, name, cycles)) is not None:
            yield picture


def picture_of(
    store: Store, run_ids: Sequence[str], over: Over, name: str, cycles: Sequence[int] = (), words: str = ""
) -> Picture | None:
    """Return a picture of runs, None where they have nothing that it shows."""
    chosen = ChosenCycles(tuple((number, number) for number in cycles)) if cycles else None
    page = (_WIDE if len(run_ids) <= _FEW else _HIGH) if over is Over.TIME else _HALF
    try:
        figure, notes = draw_runs(store, run_ids, PictureOrder(over, page, chosen if over in _BY_CYCLE else None))
    except NothingToDraw:
        return None
    if _has_long_words(store, run_ids):
        make_room(figure)
    told = [_ADVICE.sub("", note) for note in notes]
    caption = ". ".join(_capital(one) for one in (words or _caption(store, run_ids, over), *told))
    return Picture(f"{name}-{over}", figure, f"{caption}.", contents(store, run_ids, over))


def _has_long_words(store: Store, run_ids: Sequence[str]) -> bool:
    """Return whether the words above a picture might leave its axes no room."""
    return len(run_ids) > _FEW or sum(len(store.run(run_id).label) for run_id in run_ids) > _MANY_LETTERS


def _capital(sentence: str) -> str:
    """Return a sentence with a capital, unless it begins with a symbol, such as dQ/dV."""
    return sentence if sentence[1:2].isupper() else sentence[:1].upper() + sentence[1:]


def _caption(store: Store, run_ids: Sequence[str], over: Over) -> str:
    symmetric = all(RunData(store, run_id).program.cell.kind == CellKind.LI_LI for run_id in run_ids)
    words = "Mean overpotential of each half-cycle" if over is Over.CYCLE and symmetric else _WORDS[over]
    shown = ", ".join(run_ids) if len(run_ids) <= MOST_RUNS // 4 else f"{len(run_ids)} runs"
    return f"{words}: {shown}"


def spectra_pictures(report: ImpedanceReport) -> Iterator[Picture]:
    """Yield the pictures of a run's spectra."""
    with plain_style():
        drawn = figures(report)
    for name, figure in drawn.items():
        told = f"{report.run_id} ({report.label}), impedance"
        caption = f"{_SPECTRA[name]}: {report.run_id}."
        yield Picture(f"{report.run_id}-{name}", figure, caption, told, _SCALE)

"""A child process that makes what takes long: pictures, files and analyses of runs, one after the other.

It reads one order a line from standard input, as JSON, and answers in lines on standard output: how far it is, and what
came of it. It opens the store for reading only, stands behind everything else on its machine, and ends when its parent
closes its input, or is no more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.export.source import Progress
    from orchestrator.store import Store

Told = dict[str, Any]
_NICER = 10
# So often progress is told at most: each hundredth of the whole.
_PARTS = 100


class Refused(Exception):
    """The order asks for what is not there; the message says what to ask for instead."""


def main(store: Path) -> None:
    """Carry out orders until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(_NICER)
    # What a library prints is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        told = carried_out(store, json.loads(line), lambda done, of: _say(answers, {"done": done, "of": of}))
        _say(answers, told)


def _say(out: Any, told: Mapping[str, Any]) -> None:  # noqa: ANN401 - a text stream
    out.write(json.dumps(told, allow_nan=False, separators=(",", ":")) + "\n")
    out.flush()


def carried_out(store: Path, order: Mapping[str, Any], progress: Callable[[int, int], None]) -> Told:
    """Carry out one order, and return its answer: ``value``, or ``refused`` or ``failed`` with a sentence."""
    from orchestrator.store import StoreError, open_store

    try:
        with open_store(store, read_only=True) as opened:
            return {"value": _MAKERS[order["make"]](opened, order, progress)}
    except (Refused, ValueError) as err:
        return {"refused": str(err)}
    except StoreError as err:
        return {"refused" if "there is no run" in str(err) else "failed": str(err)}
    except ImportError as err:
        return {"failed": f"this installation has not all libraries for it ({err}); install cellrig[report,data]"}
    except OSError as err:
        return {"failed": f"the file cannot be written ({err.strerror or err}); see how much room the disk has"}


def _picture(store: Store, order: Mapping[str, Any], _: Progress) -> Told:
    """Make the numbers of a picture."""
    from orchestrator.report.page_pictures import page_picture
    from orchestrator.report.picture_data import Shown

    return page_picture(store, Shown(order["shown"]), order["runs"], order["cycles"]).as_dict()


def _picture_file(_: Store, order: Mapping[str, Any], __: Progress) -> Told:
    """Draw the numbers of a picture into a file."""
    from orchestrator.report.journal_page import PictureKind
    from orchestrator.report.picture_data import Picture
    from orchestrator.report.picture_files import picture_file

    file = Path(order["folder"]) / order["name"]
    file.write_bytes(picture_file(Picture.of(order["picture"]), PictureKind(file.suffix)))
    return {"files": [file.name]}


def _export(store: Store, order: Mapping[str, Any], progress: Progress) -> Told:
    """Write a run, or some of its cycles, in a format."""
    from orchestrator.export.errors import ExportError
    from orchestrator.export.exporting import export_runs
    from orchestrator.export.formats import find_format

    last = -1

    def tell(done: int, of: int) -> None:
        nonlocal last
        part = done * _PARTS // max(of, 1)
        if part != last:
            last = part
            progress(done, of)

    try:
        done = export_runs(
            store,
            [order["run"]],
            find_format(order["as"]),
            Path(order["folder"]),
            progress=lambda _: tell,
            cycles=chosen_cycles(store, order["run"], order["cycles"]) if order["cycles"] else None,
        )
    except ExportError as err:
        raise Refused(str(err).replace(order["folder"], "").replace("; give another -o", "")) from err
    names = [path.relative_to(order["folder"]).as_posix() for path in done[0].files]
    return {"files": names, "notes": list(done[0].notes)}


def chosen_cycles(store: Store, run_id: str, text: str) -> list[int]:
    """Return the cycles of a run that a text such as ``1,5,48-50`` or ``last`` names. Raises Refused, ValueError."""
    from orchestrator.report.picture_choices import ChosenCycles
    from orchestrator.tables.run_data import RunData

    data, chosen = RunData(store, run_id), ChosenCycles.parse(text)
    there = sorted({step.place.cycle for step in data.steps})
    found = chosen.of(there, [cycle.cycle for cycle in data.cycles if cycle.is_whole])
    if missing := chosen.missing(there):
        has = f"it has {there[0]} to {there[-1]}" if there else "it has none yet"
        raise Refused(f"run {run_id} has no cycle {', '.join(missing)}; {has}")
    return found


def _details(store: Store, order: Mapping[str, Any], _: Progress) -> Told:
    """Return what is told of a run: its summary, steps and gaps."""
    from orchestrator.analysis.summary import details

    return details(store, order["run"], order["steps"], order["cycles"])


_MAKERS: Mapping[str, Callable[[Store, Mapping[str, Any], Progress], Told]] = {
    "picture": _picture,
    "picture-file": _picture_file,
    "export": _export,
    "details": _details,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))

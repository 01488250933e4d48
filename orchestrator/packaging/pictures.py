"""The pictures of a package, where the libraries that draw are installed; the same run gives the same bytes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store import Store

_DPI = 200


def write_pictures(store: Store, run_id: str, folder: Path, notes: list[str]) -> list[str]:
    """Draw a run over time, and over cycles where it has any, as SVG and PNG; return the names of the files."""
    if any(find_spec(name) is None for name in ("matplotlib", "scipy")):
        notes.append(f"{run_id}: the package has no pictures: matplotlib and scipy are not installed (extra 'report')")
        return []
    from orchestrator.report.journal_page import PictureKind, encoded, style
    from orchestrator.report.picture_choices import Over
    from orchestrator.report.picture_sheet import NothingToDraw, PictureOrder
    from orchestrator.report.run_pictures import contents, draw_runs

    (folder / "pictures").mkdir()
    written = []
    with style():
        for over in (Over.TIME, Over.CYCLE):
            try:
                figure, _ = draw_runs(store, [run_id], PictureOrder(over))
            except NothingToDraw:
                continue
            for kind in (PictureKind.SVG, PictureKind.PNG):
                name = f"pictures/{over.value}{kind.value}"
                (folder / name).write_bytes(encoded(figure, kind, _DPI, "", contents(store, [run_id], over)))
                written.append(name)
    return written

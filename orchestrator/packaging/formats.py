"""The formats ``crate`` and ``crate-folder`` of ``cellrig export``: a run as a package, in a zip or a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.packaging.writing import write_files, write_zip

if TYPE_CHECKING:
    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource


def write_crate(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``crate``."""
    write_zip(source.store, source.run_id, output.file(name), source.progress, source.notes)


def write_crate_folder(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``crate-folder``: the manifest appears last, and where it is, all is."""
    write_files(
        source.store,
        source.run_id,
        output.folder,
        lambda path: output.file(f"{name}/{path}"),
        source.progress,
        source.notes,
    )

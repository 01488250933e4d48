"""The option ``--out`` of commands that write a page: which file it may be, and how it is put in its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import FAILED, WRONG_USE, fail

_PAGE_ENDINGS = (".html", ".htm")
# The mark of a page of ours stands among its first bytes.
_HEAD_BYTES = 2048

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write the page, an .html; the one before is replaced."),
]


def check_page(out: Path | None, generator: str) -> None:
    """Refuse a file that is no page, and one that something else wrote. Raises BadParameter.

    ``generator`` is the command whose pages may be replaced, which stands in each of them.
    """
    if out is None:
        return
    if out.suffix.lower() not in _PAGE_ENDINGS:
        raise typer.BadParameter(f"{out}: a page ends with .html", param_hint="--out")
    if out.is_dir():
        fail(f"{out} is a folder; give the name of a file in it", WRONG_USE)
    head = b""
    # What is no file, as a pipe, would keep its reader waiting.
    if out.is_file():
        with contextlib.suppress(OSError), out.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    if out.exists() and f'content="{generator}"'.encode() not in head:
        fail(f"{out} is there and is no {generator.rpartition(' ')[2]} page; give another --out", FAILED)


def check_pdf(out: Path, generator: str) -> None:
    """Refuse a PDF that something else wrote."""
    if out.is_dir():
        fail(f"{out} is a folder; give the name of a file in it", WRONG_USE)
    with contextlib.suppress(OSError):
        if out.is_file() and f"({generator})".encode() not in out.read_bytes():
            fail(f"{out} is there and is no {generator.rpartition(' ')[2]}; give another --out", FAILED)


def write_page(out: Path, document: bytes) -> None:
    """Put a page in its place as a whole: who opens it meanwhile sees the one before."""
    # A link to the page stays one.
    place = out.resolve()
    partial = place.with_name(f".{place.name}.partial")
    try:
        partial.write_bytes(document)
        partial.replace(place)
    except OSError as err:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        fail(f"{out} cannot be written ({err.strerror}); give another --out", FAILED)

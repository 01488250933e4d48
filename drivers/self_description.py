"""The interfaces of testers that tell something of themselves before a run: their versions, and the folder they read.

A tester without them is told as not asked by the checks before a run (``docs/preflight.md``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class TellsVersions(Protocol):
    """A tester that says which hardware and programs it is made of."""

    def versions(self) -> str:
        """Return kinds and versions in one line, as it told them last; empty while it has told nothing."""


@runtime_checkable
class ReadsFiles(Protocol):
    """A tester that is given its programs as files. ``makes_folder``: where their folder is missing, it is made."""

    makes_folder: bool

    @property
    def folder(self) -> Path:
        """The folder on this computer into which they are written."""

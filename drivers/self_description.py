"""The interfaces of instruments that tell something of themselves before a run: versions, folder, commissioning.

A tester without them is told as not asked by the checks before a run (``docs/preflight.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
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


@runtime_checkable
class HasCommissioning(Protocol):
    """An instrument, or its settings, with a guided first contact: ``commissioned_as`` is its KIND of the command."""

    @property
    def commissioned_as(self) -> str:
        """The word behind ``cellrig commission``; empty where there is no such kind."""


@runtime_checkable
class IsSeveral(Protocol):
    """A tester, or its settings, each of whose channels is an instrument of its own, commissioned by itself."""

    @property
    def serial_numbers(self) -> Mapping[str, str]:
        """The serial number of each channel's instrument, empty where it is not known; nothing where it is one."""

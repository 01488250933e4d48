"""Finds what other installed packages add to cellrig: entry points in the groups named here, loaded one at a time.

A package that cannot be loaded is told in a sentence and hinders no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

# Kinds of battery testers: the name is the ``kind`` in a bench file, the object a ``BatteryTesterKind``.
TESTERS = "cellrig.testers"
# Formats in which a run's data can be written: the name is the format's.
FORMATS = "cellrig.formats"


class ExtensionBroken(Exception):
    """An installed package offers something that cannot be used; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One entry point of an installed package, not loaded yet."""

    entry: EntryPoint

    @property
    def name(self) -> str:
        """The name under which it is offered."""
        return self.entry.name

    @property
    def package(self) -> str:
        """The package that offers it, with its version."""
        dist = self.entry.dist
        return f"{dist.name} {dist.version}" if dist is not None else "a package without metadata"

    def load(self) -> object:
        """Import it. Raises ExtensionBroken, whatever the package's own code raises."""
        try:
            return self.entry.load()
        except Exception as err:
            why = f"{type(err).__name__}: {err}"
            raise ExtensionBroken(f"{self.label} of {self.package} cannot be loaded: {why}") from err

    @property
    def label(self) -> str:
        """What it is in a sentence: group, name and place."""
        return f"{self.entry.group} {self.name!r} ({self.entry.value})"

    def problem(self) -> str:
        """Load it and say why it cannot be used; empty when it can."""
        try:
            self.load()
        except ExtensionBroken as err:
            return str(err)
        return ""


def installed(group: str) -> list[Extension]:
    """Give what all installed packages offer in a group, by name."""
    return sorted((Extension(entry) for entry in entry_points(group=group)), key=lambda it: (it.name, it.package))

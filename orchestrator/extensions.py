"""Finds extensions of other installed packages: entry points in the groups named here, loaded one at a time.

A package that cannot be loaded is told in a sentence and hinders no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

# Kinds of battery testers: the name is the ``kind`` in a bench file, the object a ``BatteryTesterKind``.
TESTERS = "cellrig.testers"
# Formats in which a run's data can be written: the name is the format's.
FORMATS = "cellrig.formats"
# Formats in which recipes are exchanged with other programs.
RECIPE_FORMATS = "cellrig.recipe_formats"


class ExtensionBroken(Exception):
    """An installed package offers an extension that cannot be used; the message names it and the reason."""


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
        """Import the extension. Raises ExtensionBroken for any error of the package's own code."""
        try:
            return self.entry.load()
        except (Exception, SystemExit) as err:
            # A module that is a script as well may end the program that imports it.
            why = f"{type(err).__name__}: {err}"
            raise ExtensionBroken(f"{self.label} of {self.package} cannot be loaded: {why}") from err

    @property
    def label(self) -> str:
        """The extension in a sentence: group, name and place."""
        return f"{self.entry.group} {self.name!r} ({self.entry.value})"

    def problem(self) -> str:
        """Load the extension and return the reason if it cannot be used, else ""."""
        try:
            self.load()
        except ExtensionBroken as err:
            return str(err)
        return ""


def installed(group: str) -> list[Extension]:
    """Return the extensions of all installed packages in a group, by name."""
    return sorted((Extension(entry) for entry in entry_points(group=group)), key=lambda it: (it.name, it.package))

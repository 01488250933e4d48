"""Finds formats by name: ours, and those that other installed packages offer by entry points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from orchestrator.export.errors import ExportError
from orchestrator.extensions import Extension, ExtensionBroken, installed


class Named(Protocol):
    """A format: its name, and in one sentence what it is and who reads it."""

    @property
    def name(self) -> str:
        """The name by which it is asked for."""
        ...

    @property
    def about(self) -> str:
        """What it is, and who reads it."""
        ...


@dataclass(frozen=True, slots=True)
class OfferedFormat:
    """A format that can be asked for by name; ``package`` offers it. ``problem`` says why it cannot be used, or ""."""

    name: str
    package: str
    about: str
    problem: str


Found = TypeVar("Found", bound=Named)


@dataclass(frozen=True, slots=True)
class Catalogue(Generic[Found]):
    """The formats of one ``kind``: ``ours``, and the objects of entry points of a ``group``."""

    ours: Sequence[Found]
    group: str
    kind: type[Found]

    def offered(self) -> list[OfferedFormat]:
        """Return all formats, ours first."""
        return [OfferedFormat(it.name, "cellrig", it.about, "") for it in self.ours] + self.foreign()

    def foreign(self) -> list[OfferedFormat]:
        """Return the formats that other installed packages offer."""
        found = []
        for extension in installed(self.group):
            try:
                about, problem = self._checked(extension).about, ""
            except ExportError as err:
                about, problem = "", str(err)
            found.append(OfferedFormat(extension.name, extension.package, about, problem))
        return found

    def find(self, name: str) -> Found:
        """Return a format by its name. Raises ExportError for one that is not there, twice, or broken."""
        if (ours := next((it for it in self.ours if it.name == name), None)) is not None:
            return ours
        found = [extension for extension in installed(self.group) if extension.name == name]
        if len(found) > 1:
            raise ExportError(f"{name!r} is offered by {' and '.join(it.package for it in found)}; uninstall one")
        if not found:
            names = ", ".join(it.name for it in self.offered())
            raise ExportError(f"there is no format {name!r}; there are {names}")
        return self._checked(found[0])

    def usable(self) -> list[Found]:
        """Return the formats that can be used, ours first."""
        return [self.find(it.name) for it in self.offered() if not it.problem]

    def _checked(self, extension: Extension) -> Found:
        """Load a format of another package. Raises ExportError."""
        if any(it.name == extension.name for it in self.ours):
            raise ExportError(f"{extension.label} of {extension.package} has the name of a format of cellrig")
        try:
            found = extension.load()
        except ExtensionBroken as err:
            raise ExportError(str(err)) from err
        if not isinstance(found, self.kind):
            article = "an" if self.kind.__name__[0] in "AEIOU" else "a"
            told = f"is a {type(found).__name__}, not {article} {self.kind.__name__}"
            raise ExportError(f"{extension.label} of {extension.package} {told}")
        if found.name != extension.name:
            raise ExportError(f"{extension.label} of {extension.package} calls itself {found.name!r}")
        return found

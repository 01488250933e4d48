"""Tells the reasons against an order in a language: by code and values where the words have it, else as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.api.models import CellItem
from orchestrator.dashboard import numbers
from orchestrator.dashboard.words import Words


def sizes_of(cell: CellItem) -> str:
    """Return the kind and the sizes of a known cell in a few words."""
    area = [] if cell.area_cm2 is None else [f"{cell.area_cm2:.4g}\N{NO-BREAK SPACE}cm²"]
    mass = [] if cell.active_mass_mg is None else [f"{cell.active_mass_mg:.4g}\N{NO-BREAK SPACE}mg"]
    return ", ".join([cell.kind, *area, *mass])


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells: the language, the lab's zone, and the rig's time now."""

    lang: str
    zone: str
    now_unix_s: float

    def t(self, code: str, /, **values: object) -> str:
        """Return a text of the table with these values."""
        return Words.load().say(self.lang, code, **values)

    def sentence(self, told: Mapping[str, Any] | None) -> str:
        """Return a sentence by its code and values, else its stored English; empty for none."""
        if told is None:
            return ""
        if not Words.load().has(str(told["code"])):
            return str(told["text"])
        try:
            return self.t(told["code"], **{name: self._shown(name, it) for name, it in told["values"].items()})
        except KeyError:
            # Of a service that is older than the page, or newer.
            return str(told["text"])

    def moment(self, unix_s: float | None) -> str:
        """Return a moment in the lab's zone."""
        return numbers.moment(unix_s, self.zone, self.lang, self.now_unix_s)

    def _shown(self, name: str, value: object) -> str:
        if isinstance(value, int | float) and name.endswith("_unix_s"):
            return self.moment(value)
        if isinstance(value, int | float) and name.endswith("_s"):
            return numbers.left(value, self.lang)
        return "" if value is None else str(value)

"""The message boxes that block the vendor's program for ever, and the meaning of each (reference chi660e, 4.6).

The exact wording is not known, so titles and texts are matched loosely and always told in the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivers.errors import Hung, InstrumentLinkFailed, MacroRefused, MeasurementFailed


@dataclass(frozen=True, slots=True)
class Popup:
    """A window of the program: its title, and the text on it."""

    title: str
    text: str


# Which windows a process shows, by its process id.
Popups = Callable[[int], Sequence[Popup]]


class Meaning(StrEnum):
    """The consequence of a window for the measurement."""

    HARMLESS = "harmless"
    LINK = "link"
    REFUSAL = "refusal"
    OTHER = "other"


# In this order: the first match counts. Words are looked for in title and text together, in lower case.
_WORDS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (Meaning.LINK, ("link fail", "com port", "cannot open com", "no com", "communication")),
    (Meaning.REFUSAL, ("macro error", "unknown command", "out of range", "not recognized", "invalid", "illegal")),
    # The run goes on under it, and readings at the end of a range are refused afterwards.
    (Meaning.HARMLESS, ("overflow",)),
)
# Titles of windows that come and go by themselves. The main window's title names the model.
_HARMLESS_TITLES = ("connecting", "open circuit potential measurement", "macro command", "chi660")


def meaning(popup: Popup) -> Meaning:
    """Return the meaning of a window."""
    whole = f"{popup.title} {popup.text}".casefold()
    for result, words in _WORDS:
        if any(word in whole for word in words):
            return result
    title = popup.title.strip().casefold()
    return Meaning.HARMLESS if title.startswith(_HARMLESS_TITLES) or "chi660" in title else Meaning.OTHER


def failure(popup: Popup, is_starting: bool) -> MeasurementFailed | None:
    """Return the error that a window is, None for a harmless one.

    Only while the program starts is the cell known to be untouched: link and macro are checked before a run, and a box
    that comes later says nothing certain of the cell.
    """
    said = f"the program shows {popup.title!r}: {popup.text!r}"
    kind = meaning(popup)
    if kind is Meaning.HARMLESS:
        return None
    if kind is Meaning.LINK and is_starting:
        return InstrumentLinkFailed(f"{said}; check power, cable and COM port of the instrument")
    if kind is Meaning.REFUSAL and is_starting:
        return MacroRefused(f"{said}; the program may be of another version than the setting `version` says")
    return Hung(f"{said}, which nobody answers; the program was ended, look at the cell before going on")

"""The words of a text file: names of techniques, heads of columns, names of parameters (reference, 9.4, 9.5)."""

from __future__ import annotations

import re

# Line 2 of the file, by the macro's name of the technique.
TECHNIQUES = {
    "ocpt": "Open Circuit Potential - Time",
    "cv": "Cyclic Voltammetry",
    "lsv": "Linear Sweep Voltammetry",
    "ca": "Chronoamperometry",
    "i-t": "Amperometric i-t Curve",
    "cp": "Chronopotentiometry",
    "istep": "Multi-Current Steps",
    "imp": "A.C. Impedance",
}
# Some builds write Chinese names. Only this one was ever seen.
_LOCALISED = {"开路电位-时间": "ocpt"}

# What each technique must bring, besides what it may bring.
COLUMNS = {
    "ocpt": ("time", "potential"),
    "cv": ("potential", "current"),
    "lsv": ("potential", "current"),
    "ca": ("time", "current"),
    "i-t": ("time", "current"),
    "cp": ("time", "potential"),
    "istep": ("time", "potential"),
    "imp": ("frequency", "real", "imaginary"),
}

_ROLES = (
    ("time", re.compile(r"time/s(?:ec)?")),
    ("potential", re.compile(r"(?:potential|e\d*)/v")),
    ("current", re.compile(r"(?:current|i\d*)/a")),
    ("frequency", re.compile(r"freq(?:uency)?/hz")),
    ("real", re.compile(r"z'/ohm")),
    ("imaginary", re.compile(r"z(?:\"|'')/ohm")),
    ("magnitude", re.compile(r"z/ohm")),
    ("phase", re.compile(r"phase/deg")),
)


def squeeze(text: str) -> str:
    """Remove blanks and case, which do not matter in the program's text."""
    return "".join(text.split()).casefold()


def role(head: str) -> str:
    """Return the quantity in a column; an unknown header is returned unchanged."""
    plain = squeeze(head)
    return next((name for name, form in _ROLES if form.fullmatch(plain)), plain)


def is_known(head: str) -> bool:
    """Return whether a head is one that real files show."""
    return any(form.fullmatch(squeeze(head)) for _, form in _ROLES)


def tech(name: str) -> str | None:
    """Return the macro's name of a technique that a file names; None for one that is not known."""
    plain = squeeze(name)
    by_name = {squeeze(title): short for short, title in TECHNIQUES.items()} | _LOCALISED
    return by_name.get(plain)


def parameter(name: str) -> str:
    """Reduce the name of a parameter to its words: real files have wrong units (``Sample Interval (V)`` of a time)."""
    return squeeze(re.sub(r"\([^)]*\)\s*$", "", name))

"""The allowed range of each parameter of a macro, by technique and version (reference chi660e, section 6).

Where the newer macro list and the parameter page of the 660E differ, the narrower range holds; the hardware's limits
of section 2 are in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple


class Range(NamedTuple):
    """Smallest and largest value, both allowed."""

    low: float
    high: float


Version = Literal["new", "old"]

_VOLTS = Range(-10.0, 10.0)
_QUIET = Range(0.0, 100_000.0)
_SENS = Range(1e-12, 0.1)
_RATE = Range(1e-6, 10_000.0)
_CP_CURRENT = Range(0.0, 0.25)
_CP_TIME = Range(0.005, 100_000.0)

_COMMON = {"ei": _VOLTS, "eh": _VOLTS, "el": _VOLTS, "ef": _VOLTS, "qt": _QUIET, "sens": _SENS}

_NEW: dict[str, dict[str, Range]] = {
    "ocpt": {"st": Range(1.0, 500_000.0), "si": Range(0.0025, 50.0)},
    "cv": {"v": _RATE, "cl": Range(1, 10_000), "si": Range(0.001, 0.064)},
    # The list names no range for LSV's si; the interval of CV is taken.
    "lsv": {"v": _RATE, "si": Range(0.001, 0.064)},
    "ca": {"cl": Range(1, 320), "pw": Range(1e-4, 1000.0), "si": Range(2e-6, 10.0)},
    "i-t": {"si": Range(1e-6, 50.0), "st": Range(0.001, 500_000.0)},
    "cp": {
        "ic": _CP_CURRENT,
        "ia": _CP_CURRENT,
        "heht": _QUIET,
        "leht": _QUIET,
        "tc": _CP_TIME,
        "ta": _CP_TIME,
        "si": Range(0.0025, 32.0),
        "cl": Range(1, 1_000_000),
    },
    "istep": {
        **{f"is{n}": Range(-2.0, 2.0) for n in range(1, 13)},
        **{f"st{n}": Range(0.0, 10_000.0) for n in range(1, 13)},
        "si": Range(1e-5, 1.0),
        "cl": Range(1, 10_000),
    },
    "imp": {
        "fl": Range(1e-5, 1e5),
        "fh": Range(1e-4, 1e6),
        "amp": Range(0.001, 0.7),
        "ibias": Range(0, 4),
        "cl1": Range(1, 4096),
        "cl2": Range(1, 25),
        "cl3": Range(1, 25),
        "cl4": Range(1, 25),
        "cl5": Range(1, 16),
    },
}

_OLD: dict[str, dict[str, Range]] = {
    "i-t": {"si": Range(2e-6, 50.0)},
    "cp": {"tc": Range(0.05, 100_000.0), "ta": Range(0.05, 100_000.0)},
    "imp": {"fl": Range(1e-4, 1e4), "fh": Range(1e-3, 1e5), "amp": Range(0.001, 0.4)},
}


def ranges(tech: str, version: Version) -> Mapping[str, Range]:
    """Return the range of each numeric parameter of a technique, by the macro's names."""
    return _COMMON | _NEW[tech] | (_OLD.get(tech, {}) if version == "old" else {})


def out_of_range(tech: str, values: Iterable[tuple[str, float]], version: Version) -> list[str]:
    """Return the values outside the program's ranges, in sentences. Raises KeyError for an unknown parameter."""
    known = ranges(tech, version)
    found = []
    for key, value in values:
        low, high = known[key]
        if not low <= value <= high:  # also NaN
            found.append(f"{tech} takes {key} from {low:g} to {high:g}, not {value:g}")
    return found

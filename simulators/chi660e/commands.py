"""The commands of the program as tables: their names, their arguments, and the first program version of each [5, 6]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Takes(Enum):
    """The kind of argument after a command."""

    NOTHING = "nothing"
    NUMBER = "a number"
    TEXT = "a text"


@dataclass(frozen=True, slots=True)
class Command:
    """One command; the range is the program's. ``old`` is the older program's, None where it lacks the command."""

    takes: Takes = Takes.NOTHING
    low: float = -math.inf
    high: float = math.inf
    old: tuple[float, float] | None = None

    def range_in(self, version: str) -> tuple[float, float] | None:
        """Return the range in a version of the program, None where it does not know the command."""
        return (self.low, self.high) if version == "new" else self.old


_ANY = (-math.inf, math.inf)


def _number(low: float, high: float) -> Command:
    """Return a number of both programs."""
    return Command(Takes.NUMBER, low, high, (low, high))


def _newer(low: float, high: float) -> Command:
    """Return a number of the newer program only."""
    return Command(Takes.NUMBER, low, high)


def _changed(low: float, high: float, old_low: float, old_high: float) -> Command:
    """Return a number whose range has changed."""
    return Command(Takes.NUMBER, low, high, (old_low, old_high))


_TEXT, _NEW_TEXT = Command(Takes.TEXT, old=_ANY), Command(Takes.TEXT)
_FLAG, _NEW_FLAG = Command(old=_ANY), Command()
_VOLTS = _number(-10.0, 10.0)
_QUIET = _number(0.0, 100_000.0)
_SENS = _number(1e-12, 0.1)

_LAYERS = "abcdefghij"


def _flags(names: str, flag: Command) -> dict[str, Command]:
    return dict.fromkeys(names.split(), flag)


# UNSURE: loops are said to go to 9 or to 999 [4.1]; both programs take 999 here.
COMMON: dict[str, Command] = {
    **_flags("run fileoverride macrotest end beep purgeon purgeoff next cellon celloff", _FLAG),
    **_flags("initeon initeoff trigon trigoff knockon knockoff qcmon qcmoff auxon auxoff aflt noabort abortov", _FLAG),
    **_flags(
        "eio eho elo efo eiocenter efon efoff fullcycleon fullcycleoff autosens pcon pcoff mchn rdeon rdeoff", _FLAG
    ),
    **_flags("sitron sitroff dummyon dummyoff 3-e 4-e ircompon ircompoff mrcon ret", _NEW_FLAG),
    **_flags(" ".join(f"next{layer}" for layer in _LAYERS), _NEW_FLAG),
    **_flags(" ".join(f"o{line}{level}" for line in range(1, 6) for level in "hl"), _NEW_FLAG),
    **dict.fromkeys(("tech", "folder", "save", "tsave", "header", "note"), _TEXT),
    **dict.fromkeys(("csvsave", "forcequit", "call", "sub"), _NEW_TEXT),
    **dict.fromkeys((f"for{layer}" for layer in _LAYERS), _newer(1, 999)),
    **dict.fromkeys((f"o{line}p{level}" for line in range(1, 6) for level in "hl"), _newer(1, 65535)),
    **dict.fromkeys((f"w{level}in{line}" for line in range(1, 4) for level in "hl"), _newer(0, 65535)),
    **dict.fromkeys(("delay", "purge", "stir"), _number(1, 32000)),
    **dict.fromkeys(("eiincr", "efincr", "ehincr", "elincr"), _number(-1.0, 1.0)),
    **dict.fromkeys(("pce1", "pce2", "pce3", "eioei", "eioef"), _VOLTS),
    **dict.fromkeys(("pct1", "pct2", "pct3"), _number(0.0, 6400.0)),
    **dict.fromkeys(("abortigt", "abortilt"), _number(0.0, 2.0)),
    "for": _number(1, 999),
    "mch": _number(1, 64),
    "trigmode": _newer(0, 1),
    "flt1": _number(0, 8),
    "flt2": _number(0, 7),
    "flt3": _number(0, 8),
    "rpm": _number(0, 10_000),
    "mir": _newer(0.0, 1e9),
    "vincr": _newer(-1000.0, 1000.0),
    "pwincr": _newer(1e-4, 1000.0),
    "abortq": _number(0.0, 100_000.0),
    "abort10s": _number(0.0, 1.0),
    "abortchgt": _number(1.0, 3600.0),
    "ht": _QUIET,
}

_SWEEP = {"ei": _VOLTS, "ef": _VOLTS, "qt": _QUIET, "sens": _SENS}
_RATE = _changed(1e-6, 1e4, 1e-6, 2e4)
_PN = Command(Takes.TEXT, old=_ANY)
_STEPS = range(1, 13)

TECHNIQUES: dict[str, dict[str, Command]] = {
    "ocpt": {"st": _number(0.1, 500_000.0), "si": _number(1e-6, 50.0), "eh": _VOLTS, "el": _VOLTS},
    "cv": {
        **_SWEEP, "eh": _VOLTS, "el": _VOLTS, "pn": _PN, "v": _RATE, "cl": _number(1, 10_000),
        "si": _number(0.001, 0.064),
    },
    "lsv": {**_SWEEP, "v": _RATE, "si": _number(0.001, 0.064)},
    "tafel": {**_SWEEP, "cl": _number(1, 2), "v": _number(1e-6, 0.1)},
    "scv": {**_SWEEP, "incre": _number(0.001, 0.05), "sw": _number(1e-4, 50.0), "prod": _number(0.001, 2500.0)},
    "ca": {
        "ei": _VOLTS, "eh": _VOLTS, "el": _VOLTS, "pn": _PN, "cl": _number(1, 320), "pw": _number(1e-4, 1000.0),
        "si": _number(2e-6, 10.0), "qt": _QUIET, "sens": _SENS,
    },
    "cc": {
        "ei": _VOLTS, "ef": _VOLTS, "cl": _number(1, 320), "pw": _number(1e-4, 1000.0), "si": _number(2e-6, 10.0),
        "qt": _QUIET, "sens": _SENS,
    },
    "i-t": {
        "ei": _VOLTS, "si": _changed(4e-7, 50.0, 2e-6, 50.0), "st": _number(0.001, 500_000.0), "qt": _QUIET,
        "sens": _SENS,
    },
    "step": {
        "ei": _VOLTS, "cl": _number(1, 10_000), "si": _changed(1e-5, 1.0, 1e-4, 1.0), "qt": _QUIET, "sens": _SENS,
        **{f"es{k}": _VOLTS for k in _STEPS}, **{f"st{k}": _number(0.0, 10_000.0) for k in _STEPS},
    },
    "be": {
        "ei": _VOLTS, "iratio": _number(0.0, 100.0), "si": _number(0.01, 100.0), "bepe": _VOLTS,
        "bept": _number(0.0, 1e5),
    },
    "cp": {
        "ic": _changed(0.0, 0.25, -2.0, 2.0), "ia": _changed(0.0, 0.25, -2.0, 2.0), "eh": _VOLTS, "el": _VOLTS,
        "heht": _newer(0.0, 100_000.0), "leht": _newer(0.0, 100_000.0),
        "tc": _changed(0.005, 100_000.0, 0.05, 100_000.0), "ta": _changed(0.005, 100_000.0, 0.05, 100_000.0),
        "pn": _PN, "si": _number(0.0025, 32.0), "cl": _number(1, 1_000_000), "priot": _FLAG, "prioe": _FLAG,
    },
    "cpcr": {
        "ic": _number(0.0, 0.25), "ia": _number(0.0, 0.25), "v": _number(1e-6, 0.01), "eh": _VOLTS, "el": _VOLTS,
        "si": _number(0.0025, 32.0),
    },
    "istep": {
        "eh": _VOLTS, "el": _VOLTS, "si": _number(1e-5, 1.0), "cl": _number(1, 10_000),
        **{f"is{k}": _number(-2.0, 2.0) for k in _STEPS}, **{f"st{k}": _number(0.0, 10_000.0) for k in _STEPS},
    },
    "imp": {
        "ei": _VOLTS, "fl": _changed(1e-5, 1e5, 1e-4, 1e4), "fh": _changed(1e-4, 3e6, 1e-3, 1e5),
        "amp": _changed(0.001, 0.7, 0.001, 0.4), "qt": _QUIET, "impautosens": _FLAG, "impft": _FLAG, "impsf": _FLAG,
        **{f"impsens{k}": _SENS for k in range(11)}, "ibias": _number(0, 4), "sens": _SENS,
        "cl1": _number(1, 4096), "cl2": _number(1, 4096), "cl3": _number(1, 256), "cl4": _number(1, 256),
        "cl5": _number(1, 16),
    },
    "impt": {
        "ei": _VOLTS, "amp": _changed(1e-4, 1.5, 0.001, 0.25), "freq": _changed(1e-4, 1e6, 1e-4, 1e5),
        "si": _number(5.0, 20_000.0), "st": _number(100.0, 500_000.0), "cl1": _number(1, 100), "qt": _QUIET,
        "ibias": _number(0, 4), "sens": _SENS,
    },
    "impe": {
        **_SWEEP, "incre": _number(0.001, 0.25), "amp": _number(0.001, 1.5), "freq": _number(1e-4, 1e5),
        "cl1": _number(1, 100), "ibias": _number(0, 4),
    },
}  # fmt: skip

_PULSE = {**_SWEEP, "incre": _number(0.001, 0.05), "sw": _number(1e-4, 50.0), "prod": _number(0.01, 65.0)}
_WAVE = {**_SWEEP, "incre": _number(0.001, 0.05), "amp": _number(0.001, 0.5), "prod": _number(0.01, 65.0)}

# Known to the program, not measured here: nothing for batteries. The widest of their ranges stands for all.
TECHNIQUES |= {
    "dpv": {**_PULSE, "amp": _number(0.001, 0.5), "pw": _number(0.001, 10.0)},
    "npv": {**_PULSE, "pw": _number(0.001, 10.0)},
    "dnpv": {**_PULSE, "amp": _number(0.001, 0.5), "pw1": _number(0.001, 10.0), "pw2": _number(0.001, 10.0)},
    "swv": {**_WAVE, "freq": _number(1.0, 1e5)},
    "acv": {**_WAVE, "freq": _changed(0.1, 1e4, 1.0, 1e4), "autosens": _FLAG},
    "shacv": {**_WAVE, "freq": _changed(0.1, 5000.0, 1.0, 1000.0)},
    "psa": {"depe": _VOLTS, "dept": _number(0.0, 1e5), "ef": _VOLTS, "i": _number(0.0, 0.25), "qt": _QUIET},
    "ecn": {"si": _number(0.1, 10.0), "st": _number(10.0, 1e5), "qt": _QUIET, "sens": _number(1e-9, 0.1)},
}

KNOWN_ANYWHERE: dict[str, Command] = {name: one for table in TECHNIQUES.values() for name, one in table.items()}
"""Every parameter of any technique; outside its own technique only its name is looked at."""

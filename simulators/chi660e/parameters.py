"""The parameters of a technique: ``tech`` resets them, single commands set them [5.2, 6].

The real program's defaults are not documented; these are ours, and no driver may rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_STEPS = {f"{key}{k}": 0.0 for key in ("is", "st", "es") for k in range(1, 13)}
_SWEEP = {"ei": 0.0, "ef": 0.5, "qt": 2.0, "sens": 1e-6, "v": 0.1, "si": 0.001}

_DEFAULTS: dict[str, dict[str, float]] = {
    "ocpt": {"st": 400.0, "si": 0.1, "eh": 10.0, "el": -10.0},
    "cv": {**_SWEEP, "eh": 0.5, "el": 0.0, "cl": 2.0},
    "lsv": _SWEEP,
    "ca": {"ei": 0.0, "eh": 0.5, "el": 0.0, "cl": 1.0, "pw": 0.25, "si": 0.001, "qt": 2.0, "sens": 1e-6},
    "i-t": {"ei": 0.0, "si": 0.1, "st": 400.0, "qt": 0.0, "sens": 1e-6},
    "cp": {
        "ic": 0.0, "ia": 0.0, "eh": 1.0, "el": -1.0, "heht": 0.0, "leht": 0.0, "tc": 10.0, "ta": 10.0, "si": 0.1,
        "cl": 1.0,
    },
    "istep": {**_STEPS, "eh": 1.0, "el": -1.0, "si": 0.1, "cl": 1.0},
    "imp": {
        "ei": 0.0, "fl": 1.0, "fh": 1e5, "amp": 0.005, "qt": 2.0, "cl1": 1.0, "cl2": 1.0, "cl3": 1.0, "cl4": 1.0,
        "cl5": 1.0,
    },
}  # fmt: skip

_MODES = {"pn": "p", "mode": "ft", "priority": "time", "autosens": "off", "efon": "off"}

# Commands without a value that set a mode.
_SETS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "impft": ("mode", "ft"),
        "impsf": ("mode", "sf"),
        "priot": ("priority", "time"),
        "prioe": ("priority", "potential"),
        "autosens": ("autosens", "on"),
        "efon": ("efon", "on"),
        "efoff": ("efon", "off"),
        "abortov": ("abortov", "on"),
        "noabort": ("abortov", "off"),
    }
)

# Commands that take the measured open-circuit potential for one of the potentials, with an offset or without.
_AT_REST: Mapping[str, str] = MappingProxyType(
    {"eio": "ei", "eho": "eh", "elo": "el", "efo": "ef", "eioei": "ei", "eioef": "ef"}
)


class Parameters:
    """The values in the dialog of the chosen technique."""

    def __init__(self, technique: str) -> None:
        """Choose a technique: everything at its default."""
        self.technique = technique
        self.values = dict(_DEFAULTS.get(technique, {}))
        self.modes = dict(_MODES)
        self.from_rest: dict[str, float] = {}
        """Potentials that are this much above the open-circuit potential measured at the start of the run."""

    def set(self, name: str, value: float | None) -> bool:
        """Set a parameter or a mode; False when the name is neither."""
        if name in _SETS:
            mode, choice = _SETS[name]
            self.modes[mode] = choice
        elif name == "impautosens":
            self.values = {key: kept for key, kept in self.values.items() if not key.startswith("impsens")}
        elif name in _AT_REST:
            self.from_rest[_AT_REST[name]] = value or 0.0
        elif value is not None:
            if name.startswith(("sens", "impsens")):
                self.modes["autosens"] = "off"
            self.values[name] = value
            self.from_rest.pop(name, None)
        else:
            return False
        return True

    def choose(self, mode: str, choice: str) -> None:
        """Set a mode by its own name, such as ``pn``."""
        self.modes[mode] = choice

    def fix_rest(self, rest_v: float) -> None:
        """Put the measured open-circuit potential where it was asked for, for this run."""
        for name, offset_v in self.from_rest.items():
            self.values[name] = rest_v + offset_v

    def __getitem__(self, name: str) -> float:
        """Return a number; 0 when neither set nor known to the technique."""
        return self.values.get(name, 0.0)

    def mode(self, name: str) -> str:
        """Return a mode."""
        return self.modes.get(name, "off")

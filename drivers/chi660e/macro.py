"""Writes the macro that measures one technique: a closed grammar, in which nothing from outside becomes a command.

Reference chi660e, sections 4.1, 4.2, 5 and 6. Every line is made of a command named here and of a value formatted here.
``tech`` resets all parameters, so all of them follow it each time; loops are not used.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import CannotRun
from protocols.current_sign import Direction
from protocols.techniques import (
    CurrentSteps,
    CyclicVoltammetry,
    HeldVoltage,
    Impedance,
    LinearSweep,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)

ISTEP_STEPS = 12
# Section 8: the faster mode measures up to here and no further, and says so in a box that nobody closes.
FT_LIMIT_HZ = 1e5
# Section 5.2: from this scan rate on no range is found automatically.
AUTOSENS_BELOW_V_PER_S = 0.01

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOTE_LENGTH = 80
# The constant that works on a CHI601E, 760E and others: the bytes "C", 2, 0, 0.
_HARDPOTATO = 579
_HARMLESS = re.compile(r"[^A-Za-z0-9_ .,+()-]+")
# Windows opens a device instead of a file of such a name, whatever its ending.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))})


@dataclass(frozen=True, slots=True)
class Command:
    """One line: a name alone, or a name with a number or a word."""

    key: str
    value: float | str | None = None

    def line(self) -> str:
        """Return the line without its end."""
        if self.value is None:
            return self.key
        return f"{self.key}={self.value if isinstance(self.value, str) else number(self.value)}"


def number(value: float) -> str:
    """Write a number as the program reads it. Raises ValueError for NaN and infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number for a macro")
    return format(value, ".9g")


def check_label(job: str) -> None:
    """Raise CannotRun unless a job's name can be a file's name and a line of a macro."""
    if not _LABEL.fullmatch(job) or job.casefold() in _DEVICES:
        raise CannotRun(f"{job!r} cannot name a job: 1 to 64 letters, digits, dashes and underscores, and no device")


def harmless(note: str) -> str:
    """Reduce any text to letters, digits and a few marks of ASCII: one line that can neither end nor comment."""
    plain = unicodedata.normalize("NFKD", note).encode("ascii", "ignore").decode()
    return " ".join(_HARMLESS.sub("_", plain).split())[:_NOTE_LENGTH].strip()


def header(job: str, port: int | None) -> str:
    """Return the header by which the text file is known again."""
    return job if port is None else f"{job} ch{port}"


@singledispatch
def parameters(technique: Technique, settings: Chi660eSettings) -> Iterator[Command]:
    """Return the lines of a technique, ``tech`` first. Values are as ordered; ``ranges`` and ``checks`` judge them."""
    raise TypeError(technique)


@parameters.register
def _(technique: OpenCircuit, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "ocpt")
    yield Command("st", technique.duration_s)
    yield Command("si", technique.interval_s)
    yield Command("eh", technique.high_v)
    yield Command("el", technique.low_v)


@parameters.register
def _(technique: Impedance, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "imp")
    # Before fh: ``tech`` goes back to FT, which cuts fh down.
    yield Command("impsf" if single_frequency(technique, settings) else "impft")
    yield Command("eio") if technique.bias_v is None else Command("ei", technique.bias_v)
    yield Command("fh", technique.high_hz)
    yield Command("fl", technique.low_hz)
    yield Command("amp", technique.amplitude_v / (math.sqrt(2) if settings.amplitude_is == "rms" else 1.0))
    yield Command("qt", technique.quiet_s)
    yield Command("impautosens")
    yield Command("ibias", 0)
    for n, count in enumerate(settings.cycles, 1):
        yield Command(f"cl{n}", count)


@parameters.register
def _(technique: CyclicVoltammetry, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "cv")
    yield Command("ei", technique.initial_v)
    yield Command("eh", technique.high_v)
    yield Command("el", technique.low_v)
    yield Command("efoff")
    yield Command("pn", "p" if technique.first is Direction.CHARGE else "n")
    yield Command("v", technique.scan_rate_v_per_s)
    yield Command("cl", technique.sweeps)
    yield Command("si", technique.interval_v)
    yield Command("qt", technique.quiet_s)
    yield _sensitivity(technique, settings)


@parameters.register
def _(technique: LinearSweep, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "lsv")
    yield Command("ei", technique.initial_v)
    yield Command("ef", technique.final_v)
    yield Command("v", technique.scan_rate_v_per_s)
    yield Command("si", technique.interval_v)
    yield Command("qt", technique.quiet_s)
    yield _sensitivity(technique, settings)


@parameters.register
def _(technique: VoltageSteps, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "ca")
    yield Command("ei", technique.initial_v)
    yield Command("eh", technique.high_v)
    yield Command("el", technique.low_v)
    yield Command("pn", "p" if technique.first is Direction.CHARGE else "n")
    yield Command("cl", technique.steps)
    yield Command("pw", technique.pulse_s)
    yield Command("si", technique.interval_s)
    yield Command("qt", technique.quiet_s)
    yield _sensitivity(technique, settings)


@parameters.register
def _(technique: HeldVoltage, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "i-t")
    yield Command("ei", technique.voltage_v)
    yield Command("si", technique.interval_s)
    yield Command("st", technique.duration_s)
    yield Command("qt", technique.quiet_s)
    yield _sensitivity(technique, settings)


@parameters.register
def _(technique: ReversedCurrent, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "cp")
    yield Command("ic", technique.discharge_a)
    yield Command("ia", technique.charge_a)
    yield Command("eh", technique.high_v)
    yield Command("el", technique.low_v)
    if settings.version == "new":
        yield Command("heht", 0)
        yield Command("leht", 0)
    yield Command("tc", technique.discharge_s)
    yield Command("ta", technique.charge_s)
    cathodic_first = technique.first is Direction.DISCHARGE
    yield Command("pn", "n" if cathodic_first is settings.cp_n_is_cathodic else "p")
    yield Command("si", technique.interval_s)
    yield Command("cl", technique.half_cycles)
    yield Command("prioe" if technique.switch_at_voltage else "priot")


@parameters.register
def _(technique: CurrentSteps, settings: Chi660eSettings) -> Iterator[Command]:
    yield Command("tech", "istep")
    sign = 1.0 if settings.istep_positive_is_charge else -1.0
    for n in range(1, ISTEP_STEPS + 1):
        step = technique.steps[n - 1] if n <= len(technique.steps) else None
        yield Command(f"is{n}", 0 if step is None else sign * step.current_a + 0.0)  # no "-0"
        yield Command(f"st{n}", 0 if step is None else step.duration_s)
    yield Command("eh", technique.high_v)
    yield Command("el", technique.low_v)
    yield Command("si", technique.interval_s)
    yield Command("cl", technique.cycles)


def single_frequency(technique: Impedance, settings: Chi660eSettings) -> bool:
    """Return whether the spectrum is measured point by point: always above 100 kHz, below it by a setting."""
    return settings.single_frequency or technique.high_hz > FT_LIMIT_HZ


def sensitivity(
    technique: CyclicVoltammetry | LinearSweep | VoltageSteps | HeldVoltage, settings: Chi660eSettings
) -> float | None:
    """Return the fixed range of a measurement in A/V, None if the instrument selects one automatically."""
    if technique.sensitivity_a_per_v is not None:
        return technique.sensitivity_a_per_v
    if isinstance(technique, CyclicVoltammetry | LinearSweep) and technique.scan_rate_v_per_s < AUTOSENS_BELOW_V_PER_S:
        return None
    return settings.sensitivity_a_per_v


def _sensitivity(
    technique: CyclicVoltammetry | LinearSweep | VoltageSteps | HeldVoltage, settings: Chi660eSettings
) -> Command:
    fixed = sensitivity(technique, settings)
    return Command("autosens") if fixed is None else Command("sens", fixed)


def lines(
    technique: Technique, job: str, note: str, settings: Chi660eSettings, port: int | None = None
) -> tuple[str, ...]:
    """Return the lines of the macro, the last of which closes the program. Raises CannotRun for an impossible job."""
    check_label(job)
    if port is not None and not 1 <= port <= settings.chi684_channels:
        raise CannotRun(f"the CHI684 has channels 1 to {settings.chi684_channels}, not {port} (chi684_channels)")
    before = [f"folder: {settings.folder_in_macros}/{job}", "fileoverride", "celloff"]
    if settings.dummy_cell:
        before.append("dummyon")
    if port is not None:
        before.append(f"mch:{port}")
    told = harmless(note)
    return (
        *before,
        *(command.line() for command in parameters(technique, settings)),
        f"header: {header(job, port)}",
        *([f"note: {told}"] if told else []),
        "run",
        f"save:{job}",
        f"tsave:{job}",
        "forcequit: yesiamsure",
    )


def encode(text_lines: tuple[str, ...], settings: Chi660eSettings) -> bytes:
    """Return the bytes of a macro file: four of prefix, then the lines, each ended, the last one too (section 4.2)."""
    end = "\r\n" if settings.macro_line_end == "crlf" else "\n"
    text = "".join(line + end for line in text_lines).encode("ascii")
    if settings.macro_prefix == "hardpotato":
        text = end.encode() + text
    # A number below the real length may cut the text; one above it is seen to work.
    declared = max(len(text), _HARDPOTATO) if settings.macro_prefix == "hardpotato" else len(text)
    return struct.pack("<I", declared) + text

"""Checks whether a text file is the ordered one: job, technique, source and parameters (reference 4.4, 9.2).

A file of an earlier job looks like success (section 13, quirk 18), and the program changes some values silently
(quirk 8), so what the file says of itself is compared with the macro.
"""

from __future__ import annotations

import math

from drivers.chi660e import headers, macro
from drivers.chi660e.settings import Chi660eSettings
from drivers.chi660e.textfile import TextFile
from drivers.errors import WrongFile
from protocols.techniques import Technique

# The header has as few figures as the data (section 9.1).
_REL = 2e-3
_ABS = 1e-12

# Names in the file (section 9.5), by technique and by the macro's name. The intervals are left out: the program
# adjusts them, and what matters is what was recorded. Limits are UNSURE for OCPT.
_SWEEP = {"qt": "Quiet Time", "sens": "Sensitivity"}
_NAMES: dict[str, dict[str, str]] = {
    "ocpt": {"eh": "High E Limit", "el": "Low E Limit", "st": "Run Time"},
    "imp": {"ei": "Init E", "fh": "High Frequency", "fl": "Low Frequency", "amp": "Amplitude", "qt": "Quiet Time"},
    "cv": {
        "ei": "Init E",
        "eh": "High E",
        "el": "Low E",
        "pn": "Init P/N",
        "v": "Scan Rate",
        "cl": "Segment",
        **_SWEEP,
    },
    "lsv": {"ei": "Init E", "ef": "Final E", "v": "Scan Rate", **_SWEEP},
    "ca": {
        "ei": "Init E",
        "eh": "High E",
        "el": "Low E",
        "pn": "Init P/N",
        "cl": "Step",
        "pw": "Pulse Width",
        **_SWEEP,
    },
    "i-t": {"ei": "Init E", "st": "Run Time", **_SWEEP},
    "cp": {
        "ic": "Cathodic Current",
        "ia": "Anodic Current",
        "eh": "High E Limit",
        "el": "Low E Limit",
        "tc": "Cathodic Time",
        "ta": "Anodic Time",
        "pn": "Init P/N",
        "cl": "Segment",
    },
    "istep": {
        "eh": "High E Limit",
        "el": "Low E Limit",
        "cl": "Cycle",
        **{f"is{n}": f"i{n}" for n in range(1, 13)},
        **{f"st{n}": f"T{n}" for n in range(1, 13)},
    },
}


def must_echo(
    file: TextFile, technique: Technique, job: str, settings: Chi660eSettings, port: int | None = None
) -> None:
    """Raise WrongFile unless the file belongs to this job and technique and was measured as ordered."""
    commands = list(macro.parameters(technique, settings))
    tech = str(commands[0].value)
    missing = [column for column in headers.COLUMNS[tech] if column not in file.columns]
    if missing:
        raise WrongFile(f"a file of {tech} has no {' or '.join(missing)}: it has {', '.join(file.columns)}")
    _memo(file, tech, macro.header(job, port), settings)
    if not file.parameters:
        if settings.require_parameters:
            raise WrongFile(
                "the text file has no parameters: switch Parameters on in File, Text File Format of the program, "
                "or set require_parameters = false"
            )
        return
    ordered = {command.key: command.value for command in commands if command.value is not None}
    found = 0
    for key, name in _NAMES[tech].items():
        value = file.parameter(name)
        if value is None or key not in ordered:
            continue
        found += 1
        if not _same(value, ordered[key]):
            raise WrongFile(f"{name} of the file is {value}, and {ordered[key]} was ordered")
    if not found and settings.require_parameters:
        raise WrongFile(f"the file names none of the parameters of {tech}, only {', '.join(file.parameters)}")


def _memo(file: TextFile, tech: str, header: str, settings: Chi660eSettings) -> None:
    memo = file.memo
    if memo is None:
        if settings.require_header:
            raise WrongFile(
                "the text file does not say what it is: switch Memo on in File, Text File Format of the program, "
                "or set require_header = false"
            )
        return
    found = headers.tech(memo.technique)
    # A localised name that nobody wrote down yet is let pass: header and columns speak for it.
    if found != tech and (found is not None or memo.technique.isascii()):
        raise WrongFile(f"the file is of {memo.technique!r}, and {headers.TECHNIQUES[tech]!r} was ordered")
    if headers.squeeze(memo.header) != headers.squeeze(header):
        raise WrongFile(f"the file bears the header {memo.header!r}, and {header!r} was ordered")
    if memo.model and "660" not in memo.model:
        raise WrongFile(f"the file was made with a {memo.model}")
    is_dummy = "dummy" in memo.source.casefold()
    if is_dummy is not settings.dummy_cell:
        where = "the internal dummy cell" if is_dummy else "the leads"
        raise WrongFile(f"the file was measured at {where}, which was not ordered (data source {memo.source!r})")


def _same(seen: str, ordered: float | str) -> bool:
    if isinstance(ordered, str):
        return headers.squeeze(seen) == headers.squeeze(ordered)
    try:
        value = float(seen)
    except ValueError:
        return False
    return math.isclose(value, ordered, rel_tol=_REL, abs_tol=_ABS)

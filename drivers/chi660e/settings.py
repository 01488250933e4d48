"""The settings of a CHI660E in a bench file: the program's path, and every point that the reference marks UNSURE."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from drivers.interfaces import HostLoss
from drivers.table_settings import SHORTEST_POLL_S, TableSettings

# Section 4.1 and 4.5: blanks may be ignored inside paths, a dot cuts a name short, ``;`` and ``#`` begin a comment.
_FOLDER = re.compile(r"(?:[A-Za-z]:)?[A-Za-z0-9_/\\-]*")


def can_be_named(folder: Path) -> bool:
    """Return whether a macro can name a folder: letters, digits, dash and underscore, without blanks and dots."""
    return _FOLDER.fullmatch(folder.as_posix()) is not None


def _default_command_line() -> Literal["literal", "list"]:
    return "literal" if sys.platform == "win32" else "list"


class Chi660eSettings(TableSettings):
    """A CHI660E behind the vendor's program, started once for each measurement.

    ``program`` with ``program_arguments`` is what is started; ``jobs`` is our folder, in which each measurement gets
    one of its own, and ``jobs_as_program_sees_it`` the same folder as the program sees it, if that differs.
    ``working_folder``: the program looks for its configuration beside itself or where it is started (section 4.3).

    ``command_line`` "literal" gives the program the one string that is known to work on Windows. ``macro_prefix`` and
    ``macro_line_end`` are the two public forms of a macro file (section 4.2). ``version`` "old" keeps to the ranges
    and commands of the older help.

    Signs (section 15 tells how to find them): ``cathodic_current_positive`` is the program's Current Polarity,
    ``istep_positive_is_charge`` the sign of ISTEP's currents, ``cp_n_is_cathodic`` what CP's ``pn=n`` begins with.
    ``amplitude_is`` tells what the program takes an impedance amplitude for (section 2.2).

    ``host_loss`` says what the instrument does with a cell when this computer dies in the middle of a run: it is not
    documented (section 4.4), and no run goes on by itself with an instrument of which nobody has said it.

    ``high_hz_max`` is the highest frequency from which a spectrum is really measured: a program may promise more in the
    file's head (section 2.2, UNSURE).

    ``single_frequency`` measures impedance point by point also where the faster FT mode would do (up to 100 kHz).
    ``cycles`` are those averaged at each point of 1-10, 0.1-1, 0.01-0.1 Hz and so on downwards.

    Cycling (ISTEP): a measurement has at most ``cycles_per_job`` passes of a loop; its records come when it is over,
    and ``watch_period_s`` is how often they are asked for. An open-circuit voltage older than ``open_circuit_age_s`` is
    measured anew before anything is started.

    A result file of more than ``result_bytes_max`` is not read; it stays in its folder for a person.

    ``require_header`` and ``require_parameters`` refuse text files without these blocks: what a file without them
    belongs to is only known by its name.
    """

    commissioned_as: ClassVar[str] = "chi660e"

    kind: Literal["chi660e"] = "chi660e"
    name: str = Field(default="chi660e", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    program: Path
    program_arguments: tuple[str, ...] = ()
    jobs: Path
    jobs_as_program_sees_it: str = ""
    working_folder: Literal["program", "job"] = "program"
    environment: dict[str, str] = Field(default_factory=dict)
    command_line: Literal["literal", "list"] = Field(default_factory=_default_command_line)
    macro_prefix: Literal["length", "hardpotato"] = "length"
    macro_line_end: Literal["crlf", "lf"] = "crlf"
    version: Literal["new", "old"] = "new"
    host_loss: HostLoss = HostLoss.UNKNOWN

    cathodic_current_positive: bool = True
    istep_positive_is_charge: bool = True
    cp_n_is_cathodic: bool = True
    amplitude_is: Literal["peak", "rms"] = "peak"

    current_limit_a: float = Field(default=0.25, gt=0, le=2.0)
    smallest_current_a: float = Field(default=3e-9, ge=0)
    sensitivity_a_per_v: float | None = Field(default=None, ge=1e-12, le=0.1)
    dummy_cell: bool = False
    chi684_channels: int = Field(default=0, ge=0, le=64)

    high_hz_max: float = Field(default=3e6, gt=0)
    single_frequency: bool = True
    frequencies_per_decade: int = Field(default=12, ge=1, le=100)
    cycles: tuple[int, int, int, int, int] = (1, 1, 1, 1, 1)
    seconds_per_frequency: float = Field(default=0.5, ge=0)

    cycles_per_job: int = Field(default=1, ge=1, le=10_000)
    watch_period_s: float = Field(default=10.0, gt=0)
    open_circuit_age_s: float = Field(default=60.0, ge=0)

    start_timeout_s: float = Field(default=30.0, gt=0)
    expected_start_s: float = Field(default=10.0, ge=0)
    deadline_factor: float = Field(default=3.0, ge=1)
    timed_deadline_factor: float = Field(default=1.1, ge=1)
    deadline_margin_s: float = Field(default=60.0, gt=0)
    poll_period_s: float = Field(default=0.5, ge=SHORTEST_POLL_S)
    stable_polls: int = Field(default=3, ge=2)
    settle_timeout_s: float = Field(default=15.0, gt=0)
    end_timeout_s: float = Field(default=5.0, gt=0)

    check_age: bool = True
    require_header: bool = True
    require_parameters: bool = True
    point_limit: int = Field(default=262_144, ge=1)
    limit_margin_v: float = Field(default=0.005, ge=0)
    result_bytes_max: int = Field(default=32 * 1024 * 1024, ge=64 * 1024, le=1024 * 1024 * 1024)

    @field_validator("program")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("write the whole path of the program, from its drive or root on")
        return value

    @field_validator("cycles")
    @classmethod
    def _within_the_program(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        # The narrower of macro list and dialog (section 6, IMP).
        if any(not 1 <= n <= most for n, most in zip(value, (256, 25, 25, 25, 16), strict=True)):
            raise ValueError("cycles lie in 1-256, 1-25, 1-25, 1-25 and 1-16")
        return value

    @model_validator(mode="after")
    def _nameable(self) -> Chi660eSettings:
        which = "jobs_as_program_sees_it" if self.jobs_as_program_sees_it else "jobs"
        if not _FOLDER.fullmatch(self.folder_in_macros):
            raise ValueError(
                f"{which} is {self.folder_in_macros!r}: a macro can name only folders of letters, digits, dash and "
                "underscore, without blanks and dots; choose another folder"
            )
        if not self.jobs.is_absolute():
            raise ValueError("jobs must be a whole path, from its drive or root on")
        return self

    @property
    def folder_in_macros(self) -> str:
        """The folder of jobs as the program sees it, without a slash at its end."""
        return (self.jobs_as_program_sees_it or self.jobs.as_posix()).rstrip("/\\")

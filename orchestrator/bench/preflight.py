"""The settings ``[preflight]`` of a bench file: what the checks before a run ask of this laboratory.

::

    [preflight]
    refuse = ["backup", "calibration"]        # warnings of these checks refuse a start here
    watch_s = 30                              # the voltage is watched for so long before a start
    calibrated = {ct4008 = 2026-03-01}        # the day of each instrument's last calibration
    versions = {ct4008 = "devtype 27"}        # what each instrument said of itself when it was commissioned
    ups_command = ["upsc", "rack@127.0.0.1"]  # prints the state of the power supply

    [preflight.commissioned.ct4008]           # written by ``cellrig commission``
    on = 2026-11-28
    by = "ada"
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from pydantic import Field

from drivers.table_settings import TableSettings
from orchestrator.bench.commissioned import CommissionedSettings, commissioned_name
from orchestrator.checks import CheckName
from protocols.plausibility import GROSS_FACTOR

WATCH_MAX_S = 600.0
"""Nobody waits longer for a start, and a cell at rest drifts as far in ten minutes as in an hour."""


class PreflightSettings(TableSettings):
    """The settings of the checks before a run.

    ``refuse``: a warning of these checks refuses a start. ``disk_factor``: so many times must the disk hold what the
    runs will still write. ``backup_max_age_h``: one backup a day is made, and a large store takes a while.
    ``calibrated``: the day of an instrument's last calibration; they are calibrated once a year as a rule.
    ``versions``: what an instrument told of its versions when it was commissioned; ``ups_command``: a program with its
    arguments that prints the state of the uninterruptible power supply, as ``upsc`` of NUT does.
    ``commissioned``: who has tried which instrument, and what was found; ``warn_uncommissioned``: whether it is told of
    one that nobody has. ``second_person_factor``: what lies so many times outside of its usual band needs
    the names of two persons.
    """

    refuse: tuple[CheckName, ...] = ()
    disk_factor: float = Field(default=3.0, ge=1, le=100)
    backup_max_age_h: float = Field(default=26.0, gt=0, le=24 * 365)
    calibrated: Mapping[str, date] = Field(default_factory=dict)
    versions: Mapping[str, str] = Field(default_factory=dict)
    commissioned: Mapping[str, CommissionedSettings] = Field(default_factory=dict)
    warn_uncommissioned: bool = True
    ups_command: tuple[str, ...] = ()
    calibration_valid_days: int = Field(default=365, ge=1, le=3660)
    second_person_factor: float = Field(default=GROSS_FACTOR, ge=1, le=100)
    watch_s: float = Field(default=0.0, ge=0, le=WATCH_MAX_S)

    def tried(self, name: str, channel: str = "", channels: Collection[str] = ()) -> CommissionedSettings | None:
        """Return who has tried an instrument, or one ``channel`` of several ``channels`` that are each an instrument.

        What was written of the whole tester counts for the channel that it was tried on; for all where it names none.
        """
        own = self.commissioned.get(commissioned_name(name, channel))
        whole = self.commissioned.get(name)
        if own is not None or whole is None:
            return own
        return None if whole.place in channels and whole.place != channel else whole

    def versions_of(self, name: str) -> str | None:
        """Return what an instrument said of itself when it was commissioned, None where nobody has written it."""
        if (typed := self.versions.get(name)) is not None:
            return typed
        tried = self.commissioned.get(name)
        return None if tried is None or not tried.versions else tried.versions

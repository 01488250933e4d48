"""The signs of trouble that a run is watched for, and the thresholds of each that a recipe may set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TroubleSign(StrEnum):
    """What the records of a run may show before a guard or a limit ends it, by the words of a recipe."""

    CONTACT = "contact"
    POLARISATION = "polarisation"
    CHARGE = "charge"
    FLAT = "flat"
    JUMPS = "jumps"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class TroubleGuards:
    """From where on a sign of trouble is told, and which ones hold the run: none, unless the recipe says so.

    ``contact_rise`` and ``polarisation_rise`` are factors within a few half-cycles; over a whole run each kind of cell
    has a factor of its own (``orchestrator.judging.trouble_thresholds``). ``charge_part``: by which part of it the
    tester's count of a step's charge may differ from the integral of its current. ``flat_records``: so many readings
    of a voltage under current are the same. ``jumps``: so often it jumps and comes back. ``late_intervals``: so many
    intervals lie between two records of a step. ``is_off`` switches all of them off.
    """

    hold: tuple[TroubleSign, ...] = ()
    # A contact that loses a quarter of its area within two half-cycles; cells of all kinds rise by less than 10 %.
    contact_rise: float = 1.25
    # As the contact, with what a fresh surface, a pause of the run or another temperature makes.
    polarisation_rise: float = 1.35
    # Testers count from the current that they show: what is left are the pauses between records, which are known.
    charge_part: float = 0.005
    # Readings of 0.1 mV repeat on a plateau; so many alike are asked for besides what the run itself has shown.
    flat_records: int = 20
    # A lead that was touched moves the voltage once or twice.
    jumps: int = 3
    # What the service calls silence, too (``orchestrator.runs.silence``).
    late_intervals: float = 3.0
    is_off: bool = False


# What is watched where a recipe says nothing.
DEFAULT_TROUBLE = TroubleGuards()

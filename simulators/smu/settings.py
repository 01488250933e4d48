"""Settings of a simulated source meter: points that the reference leaves open, and sizes of what is random.

Every value that the reference smu-and-ovens marks UNSURE (section 28) is a field here, so that no guess hides in the
code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ErrorFormat(StrEnum):
    """How an entry of the error queue is written."""

    PLAIN = "code,text"
    FIELDS = "code,text;level;time"
    SIGNED = "signed code,text"


class OpenSense(StrEnum):
    """What a unit does whose sense lead has fallen off in four-wire operation."""

    RISES = "output rises"
    STICKS = "nothing is seen"


class SecondClient(StrEnum):
    """What happens to a connection while there is one."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class ReadWhenOff(StrEnum):
    """What a 2450 does that is to measure while its output is off."""

    ERROR = "error"
    NUMBER = "9.91E37"


@dataclass(frozen=True, slots=True)
class Quirks:
    r"""What may differ from unit to unit. ``None`` is what the model's own dialect does.

    ``terminator`` ends replies; ``idn`` replaces the answer to ``*IDN?``. ``overflow`` is written for what exceeds a
    fixed range. ``limit_below_cell_a`` flows where a current source's limit lies below the cell's voltage (section
    1.2), on ranges up to 100 mA. ``error_scale`` and ``noise_scale`` 0 make a unit exact; ``fixed_errors`` gives gain
    and offset by role and quantity (``("measure", "CURR"): (1e-4, 0.0)``) instead of the seed's. Times are in s.
    ``off_after_silence_s``: hears nobody for so long, and switches its output off. ``current_sign`` -1: its positive
    current flows into HI. ``reading_more_s``: each reading takes so much longer than is known.
    """

    idn: str | None = None
    terminator: bytes = b"\n"
    error_format: ErrorFormat | None = None
    overflow: float | None = None
    sense_func_current_first: bool = False
    range_compliance_sets_tripped: bool = True
    function_change_turns_output_off: bool = True
    limit_below_cell_a: float = 0.105
    open_sense: OpenSense = OpenSense.RISES
    reset_auto_clear: bool = False
    reset_time_s: float = 1.0
    level_time_s: float = 0.007
    autorange_level_time_s: float = 0.010
    relay_time_s: float = 0.015
    read_when_off: ReadWhenOff = ReadWhenOff.ERROR
    zero_opens_relay: bool = False
    status_as_integer: bool = False
    limit_follows_source_range: bool = True
    output_stays_on_disconnect: bool = True
    off_after_silence_s: float | None = None
    current_sign: int = 1
    reading_more_s: float = 0.0
    second_client: SecondClient = SecondClient.ACCEPTED
    port_hangs_after_disconnect: bool = False
    comma_and_space: bool = False
    blank_after_comma_in_identity: bool = False
    reference_expires_s: float = 600.0
    line_frequency_hz: float = 50.0
    lead_ohm: float = 0.1
    split_replies: bool = False
    quantise_readings: bool = True
    error_scale: float = 1.0
    noise_scale: float = 1.0
    fixed_errors: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

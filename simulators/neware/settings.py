"""Settings of the simulated tester: points that the reference leaves open, and faults for tests.

Every value that the reference marks as unknown is a field here, so that no guess hides in the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogCodes:
    """Event codes (reference 6.3). ``protect``, ``stopped`` and ``capacity`` are not known: the values are ours."""

    test_started: int = 100000
    test_finished: int = 100001
    stopped: int = 100002
    paused: int = 100003
    continued: int = 100004
    schedule_set: int = 100007
    step_started: int = 100012
    step_finished: int = 100056
    switch_to_cv: int = 100169
    reset_before: int = 100215
    reset_after: int = 100213
    working: int = 102000
    ended_by_time: int = 102001
    ended_by_capacity: int = 102003
    ended_by_voltage: int = 102004
    ended_by_current: int = 102005
    protect: int = 109000


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations and offsets of readings (reference 1.4); ``scale`` 0 turns all of it off."""

    scale: float = 1.0
    voltage_v: float = 8e-6
    held_voltage_v: float = 27e-6
    current_of_range: float = 2e-6
    gain_error: float = 3e-5
    held_offset_v: float = 2e-4
    settling_s: float = 1.5


@dataclass(frozen=True, slots=True)
class Trouble:
    """The faults of one channel, for tests of programs that watch it.

    ``stop`` is what an external stop does: "obey", "refuse" (answered ``false``) or "ignore" (answered ``ok``, goes
    on).
    """

    ignore_end_conditions: bool = False
    ignore_protections: bool = False
    current_factor: float = 1.0
    rest_current_a: float = 0.0
    stop: str = "obey"


@dataclass(frozen=True, slots=True)
class Quirks:
    r"""The differences of this BTS client from others, on the wire and in the requests that it accepts.

    What the reference leaves open of a test's life: ``continue_from_stop`` and ``continue_from_protect``, whether one
    that has ended goes on by ``continue``; ``starts_from_protect``, else ``clearflag`` must come first;
    ``stop_delay_s``, for so long a stopped channel goes on; ``record_lag_s``, so old is a record when it first shows;
    ``link_loss``, what working channels do when the last client is gone ("ride", "stop", "pause");
    ``negative_stop_volt``, how a ``Stop_Volt`` below zero is taken ("obey", "refuse" the file, "ignore", or by its
    "magnitude"), and ``capacity_limit`` a ``Cap`` ("obey", "ignore", or a "hundredth" of it, as ``Scale`` may);
    ``start_on_busy``: a start on a channel that works is "refused", or "replaces" its test; ``missing_file``: one of no
    file is "refused", or "said ok" to, and nothing begins; ``single_client``: a second connection is not answered.

    ``power_tag`` and ``resistance_tag`` are the names of a power and a resistance in step files, ``power_per_w`` and
    ``resistance_per_ohm`` their units (sections 5.2 and 5.5 expect mW and mOhm).

    ``aux_temperature`` is the attribute in which an auxiliary temperature input at each cell shows (section 4.3 leaves
    its name open), in ``aux_units_per_k``; with ``aux_has_own_row`` in a row of its own. Empty: no input is mapped.

    ``path_map`` maps a folder as the BTS PC sees it (``C:\\schedules``) to a local one. ``renamed`` changes attribute
    names in replies, as an update of the vendor's software might.
    """

    terminator: bytes = b"\n\n#\r\n"
    misspelled_download: bool = True
    wrong_subdevid: bool = False
    inquire_counts_one: bool = False
    writes_need_login: bool = False
    username: str = "admin"
    password: str = "neware"  # noqa: S105 -- the vendor's published default (reference 2)
    drop_on_nonsense: bool = False
    reply_delay_s: float = 0.0
    split_replies: bool = False
    live_cache_s: float = 5.0
    client_version: str | None = None
    aux_temperature: str = ""
    aux_units_per_k: float = 1.0
    aux_has_own_row: bool = False
    continue_from_stop: bool = False
    continue_from_protect: bool = False
    starts_from_protect: bool = True
    goto_refused: bool = False
    stop_delay_s: float = 0.0
    record_lag_s: float = 0.0
    link_loss: str = "ride"
    negative_stop_volt: str = "obey"
    capacity_limit: str = "obey"
    power_tag: str = "Power"
    power_per_w: float = 1e3
    resistance_tag: str = "Resistance"
    resistance_per_ohm: float = 1e3
    start_on_busy: str = "refused"
    missing_file: str = "refused"
    holds_voltage_on_discharge: bool = True
    single_client: bool = False
    utc_offset_s: int = 0
    clock_drift: float = 0.0
    ring_rows: int | None = None
    path_map: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    first_test_id: int = 1
    log_codes: LogCodes = field(default_factory=LogCodes)
    noise: Noise = field(default_factory=Noise)

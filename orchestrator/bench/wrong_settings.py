"""Words for what is wrong in a bench file: place and fault, and a value only where it cannot be a secret.

A bench file holds passwords. A value is shown only if its key is one of those listed here: not for a misspelt key, not
for a table that was written as text, not for an address, which may hold a user and a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# Keys of any table whose values are shown when they are wrong. Whoever adds a setting adds it here if it can hold no
# secret; the settings of other packages are shown by place only.
HARMLESS = frozenset(
    {
        *("kind", "name", "time_zone", "step_file_version", "startable_from", "poll_period_s", "reply_timeout_s"),
        *("start_may_arrive_s", "start_time_tolerance_s"),
        *("confirm_timeout_s", "devid", "subdevid", "voltage_low_v", "voltage_high_v", "discharge_voltage_min_v"),
        *("current_ranges_a", "holds_voltage_on_discharge", "arrival_v", "speed", "epoch_unix_s", "origin_s"),
        *("ports", "channels", "baud_rate", "isolates_tester", "boot_s", "settle_s", "reconnect_first_s"),
        *("reconnect_longest_s", "line_end", "working_folder", "command_line", "macro_prefix", "macro_line_end"),
        *("version", "host_loss", "cathodic_current_positive", "istep_positive_is_charge", "cp_n_is_cathodic"),
        *("amplitude_is", "current_limit_a", "smallest_current_a", "sensitivity_a_per_v", "dummy_cell"),
        *("chi684_channels", "single_frequency", "frequencies_per_decade", "cycles", "seconds_per_frequency"),
        *("cycles_per_job", "watch_period_s", "open_circuit_age_s", "start_timeout_s", "expected_start_s"),
        *("deadline_factor", "timed_deadline_factor", "deadline_margin_s", "stable_polls", "settle_timeout_s"),
        *(
            "end_timeout_s",
            "check_age",
            "require_header",
            "require_parameters",
            "point_limit",
            "limit_margin_v",
            "result_bytes_max",
        ),
        *("program", "jobs", "jobs_as_program_sees_it", "step_files", "step_files_on_bts_pc"),
        *("severity", "runs", "level", "escalate_after_s", "repeat_s", "deadline_s", "data_stop_s", "silent_s"),
        *("quiet_from", "quiet_to", "quiet_hours", "test", "test_at", "most_a_minute", "url_file", "rig", "person"),
        *("model", "places", "low_degc", "high_degc", "safe_degc", "set_point", "scale", "word_order", "addresses"),
        *("without", "refresh_s", "most_writes_per_day", "unit", "baud", "parity", "stop_bits", "gap_ms", "echo"),
        *("most_noise_bytes", "tcp_port", "pattern", "columns", "separator", "decimal_comma", "no_value", "valid_degc"),
        *("power_tag", "power_per_w", "resistance_tag", "resistance_per_ohm"),
        *("low", "high", "identify", "open_all", "close", "closed", "closed_reply", "error"),
    }
)
# Keys whose values are shown if they are numbers: a switch's port may also be an address.
_HARMLESS_NUMBERS = frozenset({"port"})
_HIDDEN = "***"
# Shorter texts are in half of all words; nothing of ours puts a value into a message unless its key is harmless.
_SHORTEST_HIDDEN = 3
_LONGEST_SHOWN = 60


def sentences(err: ValidationError, document: dict[str, Any], file: object) -> list[str]:
    """Give a line for each problem that pydantic found in a bench file's document."""
    hidden = sorted(set(_hidden_texts(document, "")), key=len, reverse=True)
    lines = []
    found = err.errors(include_url=False)
    for error in found:
        # A table with something wrong in it is left out of its list, which is then said to be too short.
        if error["type"] == "too_short" and any(_is_inside(other["loc"], error["loc"]) for other in found):
            continue
        message = error["msg"]
        for text in hidden:
            message = message.replace(text, _HIDDEN)
        lines.append(f"{file}: {'.'.join(map(str, error['loc']))}: {message}{_seen(error)}")
    return lines


def _is_inside(place: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _seen(error: ErrorDetails) -> str:
    """Return the wrong value for an error message if its key is harmless, else nothing."""
    value = error["input"]
    keys = [part for part in error["loc"] if isinstance(part, str)]
    number = isinstance(value, int | float)
    if not keys or isinstance(value, dict | list | tuple) or error["type"] == "extra_forbidden":
        return ""
    # In a table of free names, such as ``channels``, the table's own key counts.
    if not (keys[-1] in HARMLESS or HARMLESS.intersection(keys[-2:-1]) or (number and keys[-1] in _HARMLESS_NUMBERS)):
        return ""
    shown = repr(value)
    return f", saw {shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + '...'}"


def _hidden_texts(value: object, key: str) -> Iterator[str]:
    """Yield each text of a document that stands under a key that is not known to be harmless."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _hidden_texts(inner, key if key in HARMLESS else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _hidden_texts(inner, key)
    elif isinstance(value, str) and key not in HARMLESS and len(value) >= _SHORTEST_HIDDEN:
        yield value
        yield repr(value)[1:-1]

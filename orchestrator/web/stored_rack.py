"""The rows of the rack out of the store alone, for as long as no control has told any.

A run that goes on is called unseen: nobody sees it. All times are those of what is stored.
"""

from __future__ import annotations

from typing import Any

from orchestrator.states import RunState
from orchestrator.store import Mountings, RunOnChannel, Store
from orchestrator.store.errors import explained

_CHANNELS = "SELECT channel FROM mounting UNION SELECT channel FROM run ORDER BY channel"
_RUN = "SELECT recipe, reason, json_extract(program_json, '$.cell.kind') FROM run WHERE run_id = ?"


def stored_rows(store: Store) -> list[dict[str, Any]]:
    """Return a row for each channel that the store knows. Raises StoreError."""
    with explained(store.path):
        channels = [channel for (channel,) in store.connection.execute(_CHANNELS).fetchall()]
    return [_row(store, channel) for channel in sorted(channels, key=_in_rack_order)]


def _in_rack_order(channel: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in channel.split("-")]


def _row(store: Store, channel: str) -> dict[str, Any]:
    mountings = Mountings(store)
    use = mountings.last_use(channel)
    mounted = None if use is None or use.run_id is None else mountings.run(use.run_id)
    row: dict[str, Any] = {
        "channel": channel, "unit": channel.rpartition("-")[0] or channel, "instrument": "", "state": "free",
        "since": None, "run_id": None, "cell": None, "kind": None, "recipe": None, "label": None, "step": None,
        "cycle": None, "cycles": None, "voltage_v": None, "current_a": None, "resistance_ohm": None, "left_s": None,
        "ends_at": None, "seen_at": None, "record_at": None, "cell_in": None, "queued": [], "claim": None,
        "reason": None, "priority": None, "actions": [], "rev": 1,
    }  # fmt: skip
    if mounted is not None:
        _with_run(store, row, mounted)
    return row


def _with_run(store: Store, row: dict[str, Any], mounted: RunOnChannel) -> None:
    with explained(store.path):
        recipe, reason, kind = store.connection.execute(_RUN, (mounted.run_id,)).fetchone()
    goes_on = not mounted.state.is_over and not mounted.state.needs_person
    row |= {
        "run_id": mounted.run_id, "label": mounted.label, "cell": mounted.cell, "cell_in": mounted.label,
        "recipe": recipe, "kind": kind, "since": mounted.state_unix_s,
        "state": RunState.UNSEEN.value if goes_on else mounted.state.value,
    }  # fmt: skip
    if goes_on:
        text = f"the control service does not answer; {mounted.run_id} was {mounted.state.value} when it was seen last"
        values = {"run_id": mounted.run_id, "was": mounted.state.value}
        row["reason"] = {"code": "unseen.control", "values": values, "text": text}
        row["actions"] = ["stop"]
    elif reason:
        row["reason"] = {"code": f"{mounted.state.value}.other", "values": {}, "text": reason}
    tests = store.tests(mounted.run_id)
    last = store.last_sample(tests[-1].id) if tests else None
    if last is not None:
        row |= {"voltage_v": last.voltage_v, "current_a": last.current_a, "record_at": last.unix_time_s}
        row["seen_at"] = last.unix_time_s

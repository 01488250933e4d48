"""Makes what a page shows of a row of the rack: its texts, how it looks, and the buttons that may be pressed.

``static/rack_parts.js`` does the same for rows that come by the stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.dashboard import numbers
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.states import STATES, Look, icon_of, look_of
from orchestrator.states import ShownState

Row = Mapping[str, Any]
# A value is old when its tester has not answered for so long by the rig's clock: three of its usual polls.
STALE_S = 30.0
GROUPS = ("needs", "running", "done", "free")
# Buttons of a tile, the one that helps most first; note and repeat stand on the page of the run.
ACTS = ("acknowledge", "resume", "plugged", "cell_in", "cell_out", "start", "stop_again", "stop")
# Where control does not answer these are tried all the same.
TRIED = frozenset({"stop", "stop_again"})
ORDERS = {
    "stop": "runs/{run}/stop",
    "stop_again": "runs/{run}/stop",
    "hold": "runs/{run}/hold",
    "resume": "runs/{run}/resume",
    "plugged": "runs/{run}/resume",
    "acknowledge": "runs/{run}/acknowledge",
    "cell_in": "runs/{run}/mounted",
    "cell_out": "channels/{channel}/empty",
    "rack_stop": "rack/stop",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as texts. ``name`` is what a screen reader says of it."""

    row: Row
    look: Look
    icon: str
    group: str
    is_stale: bool
    parts: Mapping[str, str]
    acts: tuple[str, ...]
    name: str


def shown(row: Row, speaker: Speaker, *, is_live: bool, may_act: bool, speed: float = 1.0) -> Shown:
    """Return a row as texts."""
    state = str(row["state"])
    look, word = look_of(state), word_of(state, speaker)
    stale = is_stale(row, speaker.now_unix_s, speed)
    parts = _parts(row, state, word, speaker)
    acts = tuple(act for act in ACTS if act in row["actions"] and (is_live or act in TRIED)) if may_act else ()
    said = (row["channel"], word, *(parts[name] for name in ("label", "cycle", "left_said")))
    name = ", ".join(text for text in said if text)
    return Shown(row, look, icon_of(state, stale), group_of(row), stale, parts, acts, name)


def word_of(state: str, speaker: Speaker) -> str:
    """Return the word of a state; that of unknown for one that is not in the table."""
    return speaker.t(f"state.{state if state in STATES else 'unknown'}")


def group_of(row: Row) -> str:
    """Return under which count of the filter a row stands; empty for none."""
    state = str(row["state"])
    if look_of(state).fill or row.get("priority") in {"A", "B"}:
        return "needs"
    shown = ShownState(state)
    if shown.is_of_a_run_on_its_way:
        return "running"
    if shown.is_done:
        return "done"
    return "free" if shown is ShownState.FREE else ""


def is_stale(row: Row, now_unix_s: float, speed: float = 1.0) -> bool:
    """Return whether the tester has not answered for three polls; a fast rig's time passes between two frames."""
    seen = row.get("seen_at")
    return seen is not None and now_unix_s - seen > STALE_S + 3.0 * max(0.0, speed - 1.0)


def _parts(row: Row, state: str, word: str, speaker: Speaker) -> dict[str, str]:
    label, left_s, cycle = row.get("label") or "", row.get("left_s"), row.get("cycle")
    if state == "idle" and row.get("cell_in"):
        label = speaker.t("rack.still_in", label=row["cell_in"])
    is_over = ShownState(state).is_done
    measured = row.get("voltage_v") is not None
    left = numbers.left(left_s, speaker.lang) if left_s is not None and not is_over else ""
    claim = row.get("claim")
    extra = [speaker.t("rack.in_bts")] if ShownState(state).is_of_bts else []
    if claim:
        extra.append(speaker.t("rack.taken", owner=claim["owner"], moment=speaker.moment(claim["ends_at"])))
    if row.get("queued"):
        extra.append(speaker.t("rack.queue", count=len(row["queued"])))
    cycles = row.get("cycles")
    return {
        "word": word,
        "label": label,
        "left": left,
        "left_said": speaker.t("rack.left_over", left=left) if left else "",
        "ends": speaker.moment(row["ends_at"]) if row.get("ends_at") is not None and not is_over else "",
        "value": numbers.voltage(row["voltage_v"]) if measured else "",
        "age": speaker.age(_value_at(row)) if measured else "",
        "current": numbers.current(row["current_a"]) if row.get("current_a") is not None else "",
        "ohm": numbers.resistance(row["resistance_ohm"]) if row.get("resistance_ohm") is not None else "",
        "recipe": row.get("recipe") or "",
        "cycle": ("" if not cycle else speaker.t("rack.cycle_of", cycle=cycle, cycles=cycles) if cycles
                  else speaker.t("rack.cycle_only", cycle=cycle)),
        "step": speaker.sentence(row.get("step")),
        "reason": speaker.sentence(row.get("reason")),
        "extra": ", ".join(extra),
    }  # fmt: skip


def _value_at(row: Row) -> float | None:
    """Return when the value that is shown was recorded; never a later moment than that."""
    at = row.get("record_at")
    return at if at is not None else row.get("seen_at")


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many rows stand under each count of the filter, and all."""
    groups = [group_of(row) for row in rows]
    return {"all": len(groups), **{name: groups.count(name) for name in GROUPS}}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are shown; empty texts ask for nothing. ``show`` is a count of the filter, or the code of a state."""

    show: str = ""
    kind: str = ""
    label: str = ""
    cell: str = ""
    unit: str = ""

    def takes(self, row: Row) -> bool:
        """Return whether a row is shown."""
        return (
            self.show in {"", "all", group_of(row), str(row["state"])}
            and self.kind in {"", row.get("kind") or ""}
            and self.unit in {"", row["unit"]}
            and self.label.lower() in (row.get("label") or row.get("cell_in") or "").lower()
            and self.cell.lower() in (row.get("cell") or "").lower()
        )


def units(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return the rows by the unit of their tester, in rack order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["unit"]), []).append(row)
    return list(found.items())

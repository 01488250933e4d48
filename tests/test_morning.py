"""The morning report: what stands in it, with and without a service, and that a label is never markup."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator.cli.morning_text import text_of
from orchestrator.events import EventKind, RunUpdate
from orchestrator.events.to_do import what_to_do
from orchestrator.report.morning import Morning, OverCycles, Trace
from orchestrator.report.morning_live import LiveRack, live_rack
from orchestrator.report.morning_page import GENERATOR, page
from orchestrator.report.morning_pictures import voltage_picture
from orchestrator.report.morning_reading import Sources, morning
from orchestrator.report.morning_runs import stored_update
from orchestrator.report.morning_words import grouped, numbers_lines
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, MountingKind, Mountings, Store, open_store
from orchestrator.tables.run_data import RunData
from protocols.program import Program
from tests.command_line import cellrig, refused
from tests.run_maker import CELL, EVERY_S, RunMaker, cycling, program_of

DAY_S = 86_400.0
EVIL = "<script>alert(1)</script>\u202e&\"'"
NO_SERVICE = "no service answers at http://127.0.0.1:8765"


def made(store: Store, state: RunState, reason: str = "", label: str = "A17", channel: str = "21-1-3") -> RunMaker:
    """Make a run of three cycles, each of two minutes, that is in a state since its last record."""
    maker = RunMaker(store, program_of(cycling(3)))
    maker.run()
    with store.transaction() as connection:
        connection.execute("UPDATE run SET label = ?, channel = ? WHERE run_id = ?", (label, channel, maker.run_id))
        store.set_run_state(maker.run_id, state.value, reason, maker.now_unix_s)
        store.add_event(maker.run_id, EventKind.STATE, f"{state.value}: {reason}", maker.now_unix_s)
    return maker


def report_of(
    store: Store, now_unix_s: float, *, live: LiveRack | None = None, since_unix_s: float | None = None
) -> Morning:
    """Read the report at a moment, by the store alone unless ``live`` is given."""
    return morning(store, Sources(now_unix_s, live, NO_SERVICE, since_unix_s, zone=UTC))


class Elements(HTMLParser):
    """Reads a page as a browser does: its elements, their attributes, and its text."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text += data


def test_label_and_reason_are_never_markup(store: Store) -> None:
    """A page has no script, no handler and no address to fetch from, whatever people and instruments have written."""
    maker = made(store, RunState.TRIPPED, f"limit exceeded: {EVIL}", EVIL)
    made(store, RunState.RUNNING, "", EVIL, EVIL)
    store.add_event(maker.run_id, EventKind.LINK_LOST, EVIL, maker.now_unix_s)
    found = Elements(page(report_of(store, maker.now_unix_s)))
    assert {"script", "img", "link", "iframe", "a", "b"}.isdisjoint(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href", "srcset")]
    assert found.text.count("<script>alert(1)</script>") >= 4
    assert "\u202e" not in found.text
    assert "url(" not in found.text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes


@pytest.mark.parametrize("state", [state for state in RunState if state.needs_person or state is RunState.UNSEEN])
def test_state_that_needs_a_person_has_its_reason_and_what_to_do(store: Store, state: RunState) -> None:
    """Each run that waits for somebody stands first, with why and the command or the look that helps."""
    maker = made(store, state, "because of this")
    report = report_of(store, maker.now_unix_s)
    (run,) = report.needs
    assert run.to_do == what_to_do(state, maker.run_id, "21-1-3") != ""
    for told in (text_of(report, 80), Elements(page(report)).text):
        flat = " ".join(told.split())
        assert "1 cell needs hands" in flat
        assert "because of this" in flat
        assert run.to_do in flat


def test_one_cause_on_many_channels_is_one_item(store: Store) -> None:
    """Of a tester that is away nobody reads as many items as it has channels, and every channel is named."""
    away = "nothing heard from ct4008 for 900 s (silent)"
    makers = [made(store, RunState.UNSEEN, away, f"A{n}", f"21-1-{n}") for n in range(1, 9)]
    report = report_of(store, makers[0].now_unix_s)
    assert [len(runs) for runs in grouped(report.needs)] == [8]
    told = text_of(report, None)
    assert told.count("See whether the tester") == 1
    assert all(f"21-1-{n} A{n}" in told for n in range(1, 9))
    assert page(report).count(b"<article") == 1


def test_what_to_do_about_many_runs_names_no_single_one(store: Store) -> None:
    """The command of the first run would leave the others as they are."""
    makers = [made(store, RunState.HOLDING, "held by the loss of power", f"A{n}", f"21-1-{n}") for n in range(1, 8)]
    told = text_of(report_of(store, makers[0].now_unix_s), None)
    assert "To do: For each: Look at the cell; to go on: cellrig resume RUN, to end it: cellrig stop RUN" in told
    assert "resume R0" not in told


def test_states_of_the_service_are_newer_than_the_store(store: Store) -> None:
    """What a service tells stands in the report; without one it says that nobody watches, and how to start it."""
    maker = made(store, RunState.RUNNING)
    update = replace(
        stored_update(RunData(store, maker.run_id), maker.now_unix_s), state=RunState.HOLDING, reason="held by ada"
    )
    live = LiveRack("http://127.0.0.1:8765", 8, {maker.run_id: update}, ("the disk is nearly full",), ())
    told, alone = report_of(store, maker.now_unix_s, live=live), report_of(store, maker.now_unix_s)
    assert [run.reason for run in told.needs] == ["held by ada"]
    assert told.headline == "1 cell needs hands, the rig too"
    assert alone.headline.startswith("no cell needs hands, but the rig does, 1 running")
    for report, first_of_all in ((told, "! The disk is nearly full"), (alone, f"! {NO_SERVICE[:1].upper()}")):
        assert first_of_all in text_of(report, None).partition("Needs hands")[0]
    assert "The disk is nearly full" in Elements(page(told)).text.partition("Needs hands")[0]
    assert (alone.needs, len(alone.running), alone.by_service) == ((), 1, False)
    first = alone.rig[0]
    assert first.needs
    assert first.said.startswith(NO_SERVICE)
    assert "By the store 1 run goes on" in first.said
    assert "cellrig serve" in first.said


def test_what_works_without_a_run_needs_hands_too(store: Store) -> None:
    """A channel on which somebody else's test works counts, with the sentence of the service and its stop."""
    words = "works, and not by us: 'by-hand', test 1. If it must be off: cellrig stop --channel 21-1-7"
    row = {"channel": "21-1-7", "words": words, "works_without_run": "works, and not by us", "run": None}
    found = {"channels": [row], "made_by_a_newer_service": True}
    live = live_rack("http://127.0.0.1:8765", found, ())
    report = report_of(store, 2 * DAY_S, live=live)
    assert report.headline.startswith("1 cell needs hands")
    assert words in text_of(report, None)
    assert words in Elements(page(report)).text


def test_only_what_went_on_since_then_is_told(store: Store) -> None:
    """A run that ended before is left out; of one that goes on, the numbers are those of the report's time."""
    over = made(store, RunState.COMPLETED, "program finished")
    assert [run.run_id for run in report_of(store, over.now_unix_s).stopped] == [over.run_id]
    assert report_of(store, over.now_unix_s + 2 * DAY_S).runs == ()
    going = made(store, RunState.RUNNING)
    # The last cycle and a half: a cycle takes two minutes.
    since_unix_s = going.now_unix_s - 180.0
    (run,) = report_of(store, going.now_unix_s, since_unix_s=since_unix_s).running
    assert run.numbers.cycles == 2
    assert run.numbers.hours == pytest.approx(180 / 3600)
    # Each step has its first and its last record beside one a second.
    assert 180 / EVERY_S <= run.numbers.records <= 190 / EVERY_S
    assert min(at for piece in run.trace.pieces for at, _ in piece) >= since_unix_s


def test_cell_of_a_run_that_is_over_is_to_be_taken_out_until_somebody_has(store: Store) -> None:
    """What stopped says so as long as the cell is the last one on its channel."""
    maker = made(store, RunState.COMPLETED, "program finished")
    Mountings(store).add("21-1-3", MountingKind.BEGUN, maker.run_id, "", maker.now_unix_s)
    (run,) = report_of(store, maker.now_unix_s).stopped
    assert run.to_do == "Take the cell out, then: cellrig empty 21-1-3"
    Mountings(store).add("21-1-3", MountingKind.EMPTY, None, "ada", maker.now_unix_s)
    assert report_of(store, maker.now_unix_s).stopped[0].to_do == ""


def test_acknowledged_trip_is_told_at_its_own_time(store: Store) -> None:
    """It ended when it tripped and not when somebody looked: a later report does not tell it again."""
    maker = made(store, RunState.TRIPPED, "limit exceeded: 4.112 V")
    acknowledged_unix_s = maker.now_unix_s + 3600.0
    store.set_run_state(maker.run_id, RunState.STOPPED.value, "limit exceeded: 4.112 V", acknowledged_unix_s)
    store.add_event(maker.run_id, EventKind.STATE, "stopped: limit exceeded: 4.112 V", acknowledged_unix_s)
    (run,) = report_of(store, acknowledged_unix_s).stopped
    assert run.since_unix_s == maker.now_unix_s
    assert report_of(store, acknowledged_unix_s, since_unix_s=maker.now_unix_s + 60.0).stopped == ()


def test_waiting_runs_need_hands_only_where_their_turn_has_come(store: Store) -> None:
    """A queued run asks for its cell when nothing else has its channel; before, it just waits."""
    reason = "waits for a word on its cell"
    last = made(store, RunState.QUEUED, reason, "next")
    assert [run.label for run in report_of(store, last.now_unix_s).needs] == ["next"]
    made(store, RunState.RUNNING)
    report = report_of(store, last.now_unix_s)
    assert (report.needs, [run.label for run in report.waiting]) == ((), ["next"])


def test_end_that_is_past_is_not_told_as_one_to_come(store: Store) -> None:
    """Of a run that nobody has watched since, the report says when it should have ended, and how old its record is."""
    maker = made(store, RunState.RUNNING)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE sequence > 100")
        connection.execute("DELETE FROM step WHERE last_sequence > 100")
    (run,) = report_of(store, maker.now_unix_s + 3600.0).running
    assert run.left.startswith("should have ended at ")
    assert "1 h" in text_of(report_of(store, maker.now_unix_s + 3600.0), None)


def test_marks_do_not_repeat_what_a_run_says_itself(store: Store) -> None:
    """The alarm of a trip stands with the trip; other warnings and spans without data stand under what was marked."""
    maker = made(store, RunState.TRIPPED, "limit exceeded: 4.112 V")
    at = maker.now_unix_s
    store.add_event(maker.run_id, EventKind.HOST_LIMIT, "4.112 V (the first of 2 alike)", at)
    store.add_event(maker.run_id, EventKind.SOFT_SHORT, "resistance from 255 to 90 ohm", at)
    store.add_event(maker.run_id, EventKind.SOFT_SHORT, "resistance from 255 to 80 ohm", at + 1)
    store.add_deviation(maker.run_id, DeviationCategory.POWER_OUTAGE, at - 600, at - 300, "no record")
    marks = report_of(store, at + 10).marks
    assert [(mark.kind, mark.times) for mark in marks] == [("soft short suspected", 2), ("power outage", 1)]
    assert marks[0].said == "resistance from 255 to 80 ohm"
    assert marks[1].said == "no record (for 5 min)"


@pytest.mark.parametrize(
    ("wrong", "right", "needs"),
    [
        (EventKind.SPACE_HOLD, EventKind.SPACE_OK, True),
        (EventKind.BACKUP_FAILED, EventKind.BACKUP, False),
        (EventKind.NOTICES_FAILED, EventKind.NOTICES_WORK, True),
        (EventKind.BROKER_LOST, EventKind.BROKER_BACK, False),
    ],
)
def test_what_is_right_again_is_not_told_as_wrong(
    store: Store, wrong: EventKind, right: EventKind, needs: bool
) -> None:
    """Of the disk, backups and notices the newest event counts; a full disk needs hands until something may start."""
    store.add_event(None, wrong, "so many megabytes", 1000.0)
    assert [line.needs for line in report_of(store, 2000.0).rig if line.what == wrong] == [needs]
    store.add_event(None, right, "so many megabytes", 1001.0)
    assert [line for line in report_of(store, 2000.0).rig if line.what == wrong] == []


def test_numbers_name_shorts_and_what_is_kept_of_the_capacity(store: Store) -> None:
    """A short counts also where something else decided the end; capacities stand beside that of the first cycle."""
    lfp = replace(CELL, kind="lfp")
    maker = RunMaker(store, Program("made", "0" * 64, lfp, (cycling(3),)))
    maker.run()
    reason = "stopped by ada; also cell shorted: resistance from 255 to 0.6 ohm"
    store.set_run_state(maker.run_id, RunState.STOPPED.value, reason, maker.now_unix_s)
    with store.transaction() as connection:
        connection.execute(
            "UPDATE step SET capacity_ah = capacity_ah / 2, duration_s = duration_s / 2 WHERE step_count >= 8"
        )
    lines = numbers_lines(report_of(store, maker.now_unix_s))
    assert lines[0].startswith("3 cycles done, 0.1 h of tests, ")
    assert lines[1] == "shorted: 27-1-3 made"
    assert lines[2] == "capacity kept, the least first: 50.0 % of cycle 1 at 27-1-3 made"


def test_cycles_without_a_cell_are_no_reference() -> None:
    """A tester that goes on after the cell was pulled out counts cycles of no charge: none is all of another."""
    pulled = OverCycles("capacity", "mAh/g", ((1, 145.0), (2, 144.0), (5, 1e-7), (50, 1e-7)), 5)
    assert pulled.percent_of_reference is None
    dead = OverCycles("capacity", "mAh/g", ((1, 145.0), (50, 1e-7)), 1)
    assert dead.percent_of_reference == pytest.approx(0.0, abs=1e-6)


def test_picture_keeps_a_spike_and_breaks_at_a_gap() -> None:
    """A single record far off is drawn, and no line leads over a time without records."""
    first = tuple((float(at), 0.05 if at != 50 else 4.0) for at in range(100))
    second = tuple((float(at), 0.05) for at in range(200, 300))
    drawn = voltage_picture(Trace((first, second)), 0.0, 300.0, UTC)
    lines = [element.get("d", "") for element in drawn.iter("path")]
    assert len(lines) == 2
    heights = [float(point.split(" ")[1]) for line in lines for point in line.strip("M").split("L")]
    assert min(heights) < 5 < 30 < max(heights)


def _document(folder: Path, *arguments: str) -> Mapping[str, object]:
    result = cellrig("morning", "--store", "lab.db", "--json", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    found: Mapping[str, object] = json.loads(result.stdout)
    return found


def test_command_writes_its_page_and_replaces_no_other_file(tmp_path: Path) -> None:
    """An empty store has a report; a page replaces the one before, and nothing that somebody else has written."""
    with open_store(tmp_path / "lab.db"):
        pass
    assert _document(tmp_path, "--out", "m.html")["headline"] == "no run went on"
    before = (tmp_path / "m.html").read_bytes()
    assert _document(tmp_path, "--out", "m.html", "--since", "3d")["page"] == "m.html"
    assert (tmp_path / "m.html").read_bytes() != before
    (tmp_path / "notes.html").write_text("mine")
    refused(cellrig("morning", "--store", "lab.db", "--out", "notes.html", cwd=tmp_path), 1, "no morning page")
    assert (tmp_path / "notes.html").read_text() == "mine"
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.html").symlink_to(tmp_path / "folder" / "page.html")
    assert _document(tmp_path, "--out", "link.html")["page"] == "link.html"
    assert (tmp_path / "link.html").is_symlink()
    assert GENERATOR in (tmp_path / "folder" / "page.html").read_text("utf-8")
    refused(cellrig("morning", "--store", "lab.db", "--out", "no/m.html", cwd=tmp_path), 1, "cannot be written")
    refused(cellrig("morning", "--store", "lab.db", "--since", "0h", cwd=tmp_path), 2, "say a moment before")
    refused(cellrig("morning", "--store", "lab.db", "--since", "monday", cwd=tmp_path), 2, "hours or days (36h, 3d)")
    refused(cellrig("morning", "--store", "lab.db", "--out", "m.pdf", cwd=tmp_path), 2, "ends with .html")


def test_simulated_runs_are_told_by_their_own_clock(store: Store) -> None:
    """A rack in simulated time is reported up to its newest moment, months away from people's, and says so."""
    maker = made(store, RunState.COMPLETED, "program finished")
    with store.transaction() as connection:
        connection.execute("UPDATE run SET simulated = 1")
        Mountings(store).add("21-1-3", MountingKind.BEGUN, maker.run_id, "", maker.now_unix_s)
    report = report_of(store, maker.now_unix_s + 100 * DAY_S)
    assert [run.run_id for run in report.stopped] == [maker.run_id]
    assert report.now_unix_s == pytest.approx(maker.now_unix_s)
    assert "no cell is real" in text_of(report, 80)
    # Nobody takes a simulated cell out of its channel; a real one is there until somebody says that it is not.
    assert report.stopped[0].to_do == ""


def test_missing_readings_are_none_for_programs(store: Store) -> None:
    """A run whose last voltage is no number, and one that has not begun, make a document without NaN."""
    maker = made(store, RunState.RUNNING)
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = NULL")
    store.add_run(
        recipe="r", cell="made", channel="21-1-9", program_json=program_of(cycling(1)).to_json(),
        program_sha256="0" * 64, created_unix_s=maker.now_unix_s,
    )  # fmt: skip
    report = report_of(store, maker.now_unix_s)
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert document["running"][0]["voltage_v"] is None
    assert page(report).count(b"<svg") >= 1
    assert isinstance(report.waiting[0].said, str)


def test_every_update_of_a_service_is_read(store: Store) -> None:
    """The sentence by the store is the one that a service would say of the same run."""
    maker = made(store, RunState.HOLDING, "held by ada")
    update = stored_update(RunData(store, maker.run_id), maker.now_unix_s)
    assert isinstance(update, RunUpdate)
    (run,) = report_of(store, maker.now_unix_s).needs
    assert run.said.startswith(f"{maker.run_id} (A17) is held at open circuit after 0.1 h")


def test_commands_of_the_report_work_from_any_folder(tmp_path: Path) -> None:
    """As it is typed from the mail: the store has its whole path, however the report was ordered."""
    (lab, elsewhere) = (tmp_path / name for name in ("the lab", "home"))
    lab.mkdir()
    elsewhere.mkdir()
    with open_store(lab / "lab.db") as store:
        made(store, RunState.TRIPPED, "limit exceeded: 4.112 V")
    told = cellrig("morning", "--store", "lab.db", cwd=lab).stdout
    assert f"from another folder, with --store '{lab / 'lab.db'}'" in told
    (command,) = re.findall(r"make one: (cellrig store backup .*)", told)
    done = cellrig(*shlex.split(command)[1:], cwd=elsewhere)
    assert done.returncode == 0
    assert list(lab.glob("*backup*"))

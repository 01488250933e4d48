"""Kinds of events: their severities, the kinds of findings among them, and the page that lists them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.events import STATE_SEVERITY, EventKind, Severity, stored_event
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.rack.housekeeping import SPACE_EVENTS
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import EventRow, Store, open_store
from orchestrator.store.disk_space import SpaceVerdict
from tests.rig import CHANNEL, li_li_program
from tests.storing import add_run

PAGE = Path(__file__).parent.parent / "docs" / "events.md"


@pytest.fixture
def journal(store: Store) -> RunJournal:
    """Give the journal of a run."""
    return RunJournal(store, RunRequest(li_li_program(), CHANNEL, "x"), add_run(store))


def severity(row: EventRow) -> Severity:
    """Give what a reader of the store makes of a row."""
    return stored_event(row.id, None, row.run_id, row.kind, row.message, row.at_unix_s, row.data_json).severity


def test_page_lists_every_kind_with_its_severity() -> None:
    """The table of docs/events.md and the enum say the same, in the same order."""
    rows = re.findall(r"^\| `([^`]+)` \| `([a-z]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [(kind, level) for kind, level, _ in rows] == [(kind.value, kind.severity.value) for kind in EventKind]
    assert all(len(meaning) > 10 for *_, meaning in rows)


def test_every_finding_and_every_verdict_on_space_is_a_kind_of_event() -> None:
    """What samples show is stored in the words of the finding, what a disk shows in those of its verdict."""
    assert {kind.value for kind in FindingKind} <= {kind.value for kind in EventKind}
    assert SPACE_EVENTS.keys() == set(SpaceVerdict)
    assert {verdict: f"space {verdict.value}" for verdict in SpaceVerdict} == SPACE_EVENTS


def test_severities_rise() -> None:
    """A notice asked for from ``warning`` on is sent for alarms too."""
    assert [one.is_at_least(Severity.WARNING) for one in Severity] == [False, False, True, True]


async def test_finding_that_is_only_a_mark_is_no_alarm(store: Store, journal: RunJournal) -> None:
    """One spike wakes nobody; the same kind of finding that trips does. The store says which it was."""
    for action in (Action.MARK, Action.TRIP):
        journal.findings([Finding(FindingKind.HOST_LIMIT, action, "4.3 V", 1.0)])
    marked, tripped = store.events()
    assert (severity(marked), severity(tripped)) == (Severity.WARNING, Severity.ALARM)
    assert json.loads(marked.data_json or "")["severity"] == "warning"
    assert "severity" not in json.loads(tripped.data_json or "")


@pytest.mark.parametrize("state", RunState)
async def test_state_is_as_severe_as_it_is_for_people(store: Store, journal: RunJournal, state: RunState) -> None:
    """A trip is an alarm, also to a reader of the store; its words are those of ever."""
    journal.moved(state, "why")
    (row,) = store.events()
    assert (row.kind, row.message) == ("state", f"{state.value}: why")
    assert severity(row) is STATE_SEVERITY.get(state, Severity.INFO)


async def test_kind_of_a_newer_cellrig_is_shown_as_it_is(store_path: Path) -> None:
    """A word that this cellrig does not know crashes nothing: not its event, not a list of them."""
    with open_store(store_path) as store:
        run_id = RunRequest(li_li_program(), CHANNEL, "x").add_to(store)
        with store.transaction() as connection:
            sql = "INSERT INTO event (run_id, kind, message, at_unix_s, data_json) VALUES (?, ?, ?, ?, ?)"
            connection.execute(sql, (run_id, "cell sings", "in F sharp", 1.0, '["not", "a", "table"]'))
            connection.execute(sql, (run_id, "cell hums", "in G", 1.0, '{"severity": "very"}'))
        rows = store.events(run_id)
        assert [severity(row) for row in rows] == [Severity.NOTICE] * 2
        assert stored_event(1, None, run_id, rows[0].kind, "", 1.0, None).kind == "cell sings"
    shown = CliRunner().invoke(app, ["show", run_id, "--store", str(store_path)])
    assert "cell sings" in shown.output


@pytest.mark.parametrize("kind", EventKind)
def test_known_word_is_its_kind_again(kind: EventKind) -> None:
    """What is stored as a word is read as the kind it was."""
    assert EventKind.known(kind.value) is kind
    assert stored_event(1, None, None, kind.value, "", 0.0, None).severity is kind.severity

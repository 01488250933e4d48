"""Questions with filters: what passes, page by page, and keys and values that mean nothing."""

import asyncio
import time as clock
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

import pytest
import typer

from orchestrator.cli.run_filters import moment
from orchestrator.clock.iso_time import iso_utc, unix_time
from orchestrator.events import EventKind, Severity
from orchestrator.store import Store
from tests.api_client import ORDER, Client
from tests.rig import CHANNEL
from tests.storing import add_run


async def _runs(client: Client, query: str) -> list[str]:
    return [row["run_id"] for row in (await client.get(f"/runs?{query}"))["runs"]]


async def test_runs_are_filtered_by_what_is_known_of_them(client: Client) -> None:
    """Filters hold together, a repeated one lets each of its values through, and the times are those of the order."""
    await client.post("/runs", ORDER | {"label": "A17"}, 201)
    await asyncio.sleep(600)
    await client.post("/runs", ORDER | {"channel": "21-1-5"}, 201)
    await client.post("/runs", ORDER | {"channel": "21-1-7", "label": "A18"}, 201)
    await client.stopped("/runs/R000003/stop")
    first, second, third = "R000001", "R000002", "R000003"
    then = quote(iso_utc((await client.get("/runs/R000002"))["created_unix_s"]))
    expected = {
        "": [first, second, third],
        "state=stopped": [third],
        "state=stopped&state=running": [first, second, third],
        "channel=21-1-5&channel=21-1-7": [second, third],
        "label=A17": [first],
        "label=coated-li-li": [second],
        "cell=coated-li-li&recipe=two-cycles": [first, second, third],
        "cell=another": [],
        "simulated=true": [],
        "simulated=false": [first, second, third],
        "channel=21-1-5&state=stopped": [],
        f"since={then}": [second, third],
        f"before={then}": [first],
        "since=2025-12-31&before=2026-01-05T01:00:00%2B01:00": [],
        "label=A17%27%20OR%201%20--": [],
    }
    await asyncio.sleep(120)
    assert {query: await _runs(client, query) for query in expected} == expected


async def test_pages_of_what_passes_are_whole(client: Client) -> None:
    """A page has as many rows as it may, however many do not pass in between."""
    for number in range(9):
        add_run(client.service.store, channel=CHANNEL if number % 3 else "21-1-8")
    query, found = f"channel={CHANNEL}&limit=4", []
    page = await client.get(f"/runs?{query}")
    while True:
        found += [row["run_id"] for row in page["runs"]]
        if not page["more"]:
            break
        assert len(page["runs"]) == 4
        page = await client.get(f"/runs?{query}&after={page['after']}")
    assert found == [f"R00000{number + 1}" for number in range(9) if number % 3]


def _add_events(store: Store) -> None:
    run_id = add_run(store, channel=CHANNEL)
    store.add_event(None, EventKind.BACKUP, "a backup", 1000.0)
    store.add_event(run_id, EventKind.COMMAND, "start ordered by ada", 2000.0)
    store.add_event(run_id, EventKind.HOST_LIMIT, "one spike", 3000.0, '{"severity": "warning"}')
    store.add_event(run_id, EventKind.HOST_LIMIT, "4.3 V", 4000.0, '{"v": 4.3}')
    store.add_event(None, EventKind.BACKUP, "told as no severity", 5000.0, '{"severity": "grave"}')
    with store.transaction() as connection:
        connection.execute("INSERT INTO event (kind, message, at_unix_s) VALUES ('of a newer cellrig', 'new', 6000.0)")


@pytest.mark.parametrize("least", Severity)
async def test_severity_that_is_asked_for_is_the_one_that_is_told(client: Client, least: Severity) -> None:
    """By an event's own data, else its kind; a kind of a newer cellrig, and a word that is none, as they are told."""
    _add_events(client.service.store)
    told = {row["id"]: Severity(row["severity"]) for row in (await client.get("/events"))["events"]}
    assert set(told.values()) == set(Severity)
    asked = [row["id"] for row in (await client.get(f"/events?severity={least}"))["events"]]
    assert asked == [number for number, severity in told.items() if severity.is_at_least(least)]


async def test_events_are_filtered_by_kind_time_run_and_channel(client: Client) -> None:
    """Of the rack and of one run."""
    _add_events(client.service.store)
    expected = {
        "/events?kind=backup&before=1970-01-02": ["a backup", "told as no severity"],
        "/events?since=3000&before=5000": ["one spike", "4.3 V"],
        "/events?run=R000001&kind=command": ["start ordered by ada"],
        "/events?channel=21-1-3&severity=alarm": ["4.3 V"],
        "/events?channel=21-1-4": [],
        "/runs/R000001/events?severity=warning": ["one spike", "4.3 V"],
        "/runs/R000001/events?since=3000&limit=1": ["one spike"],
    }
    found = {path: [row["message"] for row in (await client.get(path))["events"]] for path in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("runs?stat=running", ["query.stat", "state, cell, label"]),
        ("runs?state=runing", ["query.state", "'running'"]),
        ("runs?since=yesterday", ["query.since", "2026-11-27"]),
        ("runs?since=nan", ["query.since", "number"]),
        ("runs?limit=5&limit=6", ["query.limit", "more than once"]),
        ("events?severity=grave", ["query.severity", "'alarm'"]),
        ("status?verbose", ["query.verbose", "none"]),
        ("runs/R000001/samples?since=3", ["query.since", "after_test, after, limit"]),
        ("live?run=R000001", ["query.run"]),
    ],
)
async def test_key_or_value_that_means_nothing_is_refused(client: Client, query: str, words: list[str]) -> None:
    """A misspelt filter does not let everything through; the sentence says what there is."""
    error = (await client.get(f"/{query}", 422))["error"]
    assert [word for word in words if word not in error] == []


async def test_order_with_an_unknown_key_in_its_query_is_not_carried_out(client: Client) -> None:
    """Nobody knows what was meant by it."""
    reply = await client.http.post("/api/v1/runs?queue=true", json=ORDER)
    assert reply.status_code == 422
    assert client.service.runs == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-11-27T16:40", datetime(2026, 11, 27, 16, 40, tzinfo=UTC)),
        ("2026-11-27 16:40:01", datetime(2026, 11, 27, 16, 40, 1, tzinfo=UTC)),
        ("2026-11-27T16:40:00Z", datetime(2026, 11, 27, 16, 40, tzinfo=UTC)),
        ("2026-11-27T18:40:00+02:00", datetime(2026, 11, 27, 16, 40, tzinfo=UTC)),
        ("2026-11-27T18:40:00 02:00", datetime(2026, 11, 27, 16, 40, tzinfo=UTC)),
        ("1795797600", datetime(2026, 11, 27, 16, 40, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_the_forms_that_clients_send(text: str, expected: datetime) -> None:
    """Without a zone it is UTC; a plus that became a space on its way is a plus."""
    assert unix_time(text) == expected.timestamp()


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [(1795797643.1254, "2026-11-27T16:40:43.125Z"), (-1e300, "0001-01-01T00:00:00.000Z"), (1e300, "9999")],
)
def test_moments_are_told_in_utc(unix_s: float, text: str) -> None:
    """To the millisecond; what no date can say, from a damaged store, does not end the answer."""
    assert iso_utc(unix_s).startswith(text)


@pytest.mark.parametrize(
    ("typed", "first", "days"),
    [("2026-W43-7", "2026-10-25", 1), ("2026w437", "2026-10-25", 1), ("2026-W43", "2026-10-19", 7)],
)
def test_a_week_or_a_day_of_it_counts_up_to_its_end(typed: str, first: str, days: int) -> None:
    """As every date alone: what was ordered on that day, or in that week, is before ``--until``."""
    midnight = datetime.fromisoformat(first)
    assert moment("--since", typed) == midnight.astimezone().timestamp()
    assert moment("--until", typed, is_end=True) == (midnight + timedelta(days=days)).astimezone().timestamp()


@pytest.mark.skipif(not hasattr(clock, "tzset"), reason="this system's zone is not set by TZ")
def test_a_date_at_the_end_of_the_calendar_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of Python's calendar, which knows no year 0 and no year 10000."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "CET-1")
        clock.tzset()
        for option, typed, is_end in (("--until", "9999-12-31", True), ("--since", "0001-01-01", False)):
            with pytest.raises(typer.BadParameter, match=f"'{typed}' is at the end of the calendar.* leave {option}"):
                moment(option, typed, is_end=is_end)
    clock.tzset()


def test_today_and_yesterday_are_days_of_this_machine() -> None:
    """As a beginning each is its midnight, as an end the next one."""
    days = {datetime.now().astimezone().date(), (datetime.now().astimezone() + timedelta(seconds=5)).date()}
    for name, ago in (("today", 0), ("Yesterday ", 1)):
        midnights = [datetime.combine(day - timedelta(days=ago), time()) for day in days]
        assert moment("--since", name) in [it.astimezone().timestamp() for it in midnights]
        assert moment("--until", name, is_end=True) in [
            (it + timedelta(days=1)).astimezone().timestamp() for it in midnights
        ]

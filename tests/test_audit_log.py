"""The audit log: every change of it is found and named, and no order but a stop leaves unrecorded."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.api.recording import ENTRY_HEADER, OrderRefused, Recorder
from orchestrator.people.audit_check import ChainCheck, check_file
from orchestrator.people.audit_entry import COLUMNS, Act
from orchestrator.people.audit_history import Wanted, deeds
from orchestrator.people.audit_log import AuditLog
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people_file import PeopleFile
from orchestrator.people.person import Role
from orchestrator.people.private_file import anchor_path, people_path
from tests.api_client import ORDER
from tests.people_rig import PASSWORD, open_people_rig, said
from tests.rig import CHANNEL

_ENTRIES = 8
# Of another type, or none of SQLite's own making, an entry is as broken as with another value.
_VALUES = {"number": 99, "at_unix_ms": 7, "outcome_of": 3, "status": 299}


def act(number: int) -> Act:
    """Return an act of somebody."""
    return Act(
        f"person {number}", "session", "192.0.2.7", "POST", f"/api/v1/runs/R{number}/stop", "stop", {"n": number}
    )


@contextmanager
def written(entries: int = _ENTRIES, at_unix_s: float = 1_795_000_000.0) -> Iterator[Path]:
    """Give a store beside which a log of some entries was written."""
    with TemporaryDirectory() as folder:
        store = Path(folder) / "rig.db"
        with PeopleFile(store) as file:
            log = AuditLog(file, lambda: at_unix_s)
            for number in range(1, entries + 1):
                log.append(act(number))
        yield store


def tampered(store: Path, *statements: tuple[str, tuple[object, ...]]) -> ChainCheck:
    """Change the file of people behind the service's back, and check it."""
    with closing(sqlite3.connect(people_path(store), isolation_level=None)) as connection:
        for sql, values in statements:
            connection.execute(sql, values).close()
    return check_file(store)


def test_log_that_nobody_touched_holds() -> None:
    """Every entry is there, in its order, and the last hash is the anchor's."""
    with written() as store:
        found = check_file(store)
        assert (found.holds, found.entries) == (True, _ENTRIES)
        assert found.hash in anchor_path(store).read_text("ascii")
        assert check_file(store, known=found.hash).holds
        assert check_file(store, known="0" * 64).broken == 1


@settings(max_examples=25)
@given(number=st.integers(1, _ENTRIES), column=st.sampled_from(COLUMNS))
def test_changed_entry_is_named(number: int, column: str) -> None:
    """Another value in any column of any entry is found, and its entry is the one that is named."""
    with written() as store:
        value = _VALUES.get(column, "somebody else")
        found = tampered(store, (f"UPDATE entry SET {column} = ? WHERE number = ?", (value, number)))  # noqa: S608 names of ours
        assert found.broken == number


@settings(max_examples=25)
@given(first=st.integers(1, _ENTRIES), length=st.integers(1, _ENTRIES))
def test_cut_is_named(first: int, length: int) -> None:
    """Entries that were taken out are found, also the last ones: the anchor knows them."""
    with written() as store:
        found = tampered(store, ("DELETE FROM entry WHERE number BETWEEN ? AND ?", (first, first + length - 1)))
        assert found.broken == first


@settings(max_examples=25)
@given(pair=st.lists(st.integers(1, _ENTRIES), min_size=2, max_size=2, unique=True))
def test_swapped_entries_are_named(pair: list[int]) -> None:
    """Two entries that stand in each other's place are found; the first of them is named."""
    one, other = pair
    move = "UPDATE entry SET number = ? WHERE number = ?"
    with written() as store:
        found = tampered(store, (move, (1000, one)), (move, (one, other)), (move, (other, 1000)))
        assert found.broken == min(pair)


@settings(max_examples=25)
@given(number=st.integers(1, _ENTRIES), copied=st.integers(1, _ENTRIES))
def test_entry_that_was_put_in_is_named(number: int, copied: int) -> None:
    """A copy of an entry between others, whose numbers were moved up, is found."""
    columns = ", ".join(COLUMNS[1:])
    with written() as store:
        found = tampered(
            store,
            ("UPDATE entry SET number = -number - 1 WHERE number >= ?", (number,)),
            ("UPDATE entry SET number = -number WHERE number < 0", ()),
            (f"INSERT INTO entry SELECT ?, {columns} FROM entry WHERE number = ?",  # noqa: S608 names of ours
             (number, copied + (copied >= number))),
        )  # fmt: skip
        # The copy of an entry in its own place is as good as the entry, which now stands behind it.
        assert found.broken == number + (copied == number)


def test_log_written_anew_is_found_by_its_anchor() -> None:
    """Who makes all hashes anew has other hashes than the anchor, and than those that people have kept elsewhere."""
    with written() as store, written(_ENTRIES + 2, 1_795_000_009.0) as other:
        known = check_file(store).hash
        people_path(other).replace(people_path(store))
        assert check_file(store).broken == _ENTRIES
        assert "written anew" in check_file(store).words
        anchor_path(other).replace(anchor_path(store))
        assert check_file(store).holds
        assert check_file(store, known).broken == 1


def test_cut_tail_stays_found_when_the_log_goes_on() -> None:
    """What is written after a cut does not move the anchor: the first entry that is not what it was stays named."""
    with written() as store:
        tampered(store, ("DELETE FROM entry WHERE number > 5", ()))
        with PeopleFile(store) as file:
            log = AuditLog(file, lambda: 1_795_000_001.0)
            for number in range(20):
                log.append(act(number))
            assert "cut" in log.doubt
        assert check_file(store).broken == _ENTRIES


def test_missing_anchor_is_said_and_stays_in_the_log() -> None:
    """Without an anchor nobody knows what was cut off: that is said, and the log keeps that it was missing."""
    with written() as store:
        anchor_path(store).unlink()
        assert "no anchor" in check_file(store).words
        with PeopleFile(store) as file:
            AuditLog(file, lambda: 1.0).append(act(1))
            assert [deed.entry.act for deed in deeds(file, Wanted())][:2] == ["stop", "anchor_missing"]
        assert check_file(store).holds


async def test_order_without_a_record_is_refused_and_a_stop_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the log takes nothing a start is refused, a stop is carried out, and the status of the rack says so."""
    async with open_people_rig(tmp_path) as rig:
        browser = await rig.signed_in(Role.OPERATOR)
        run_id = (await said(await browser.post("/api/v1/runs", json=_order()), 201))["run_id"]

        def full() -> None:
            raise FileUnusable("the disk is full")

        # Beside a full disk there is no way to let one file of many take nothing.
        monkeypatch.setattr(rig.people.file, "change", full)
        refused = await said(await browser.post("/api/v1/channels/21-1-2/empty", json={}), 503)
        assert "the disk is full" in refused["error"]
        assert "stops still go" in refused["error"]
        stopped = await said(await browser.post(f"/api/v1/runs/{run_id}/stop", json={}))
        assert stopped["run_id"] == run_id
        (trouble,) = (await said(await browser.get("/api/v1/status")))["troubles"]
        assert "the disk is full" in trouble
        monkeypatch.undo()
        assert (await browser.post("/api/v1/channels/21-1-2/empty", json={})).status_code == 200
        assert (await said(await browser.get("/api/v1/status")))["troubles"] == []


async def test_order_that_comes_past_web_is_written_down_by_control(tmp_path: Path) -> None:
    """Commands on the machine ask control itself: their orders are in the log once, as those by web are once."""
    async with open_people_rig(tmp_path) as rig:
        path = f"/api/v1/channels/{CHANNEL}/stop"
        assert (await rig.web.control.post(path, json={"by": "ada"})).status_code == 200
        assert rig.log() == [("ada", "channel_stop", None), ("ada", "channel_stop", 200)]
        assert (await rig.web.web.post(path, json={"by": "bob"})).status_code == 200
        assert rig.log()[2:] == [("bob", "channel_stop", None), ("bob", "channel_stop", 200)]
        forged = {ENTRY_HEADER: "1"}
        assert (await rig.web.control.post(path, json={"by": "eve"}, headers=forged)).status_code == 200
        assert rig.log()[4:] == [("eve", "channel_stop", None), ("eve", "channel_stop", 200)]
        assert (await rig.web.control.get("/api/v1/status")).status_code == 200
        assert (await rig.web.control.post("/api/v1/runs", json={})).status_code == 422
        assert rig.log()[6:] == [("", "start", None), ("", "start", 422)]


@pytest.mark.parametrize(("path", "is_taken"), [("/api/v1/runs/R1/stop", True), ("/api/v1/runs", False)])
async def test_only_stops_are_taken_where_the_file_of_people_cannot_be_used(path: str, is_taken: bool) -> None:
    """A service that cannot open it still stops and holds, and says of anything else why not."""
    recorder, order = Recorder(None, "others may read it"), replace(act(1), path=path)

    async def work(number: int | None) -> int:
        assert number is None
        return 200

    if is_taken:
        assert await recorder.carry_out(order, work, lambda status: status) == 200
    else:
        with pytest.raises(OrderRefused, match="others may read it; stops still go"):
            await recorder.carry_out(order, work, lambda status: status)


@pytest.mark.real_time
async def test_stop_waits_for_no_log(tmp_path: Path) -> None:
    """A log that another program holds keeps a stop half a second at most; it is written down when that is possible."""
    with PeopleFile(tmp_path / "rig.db") as file:
        log, loop = AuditLog(file, lambda: 1_795_000_000.0), asyncio.get_running_loop()
        began_s, left_s = loop.time(), []

        async def work(number: int | None) -> int:
            left_s.append(loop.time() - began_s)
            assert number is None
            holding.close()
            return 200

        holding = sqlite3.connect(people_path(tmp_path / "rig.db"), isolation_level=None)
        holding.execute("BEGIN IMMEDIATE").close()
        await Recorder(log).carry_out(act(1), work, lambda status: status)
        assert left_s[0] < 1
        assert [(entry.act, entry.status) for entry in log.entries(0, 9)] == [("stop", None), ("stop", 200)]


async def test_log_tells_orders_and_their_outcomes_and_no_secret(tmp_path: Path) -> None:
    """An order stands there before it leaves, with person, address and values, then its outcome; never a password."""
    async with open_people_rig(tmp_path) as rig:
        browser, admin = await rig.signed_in(Role.OPERATOR), await rig.signed_in(Role.ADMIN)
        await browser.post("/api/v1/sign-in", json={"name": "my secret typed as a name", "password": "wrong"})
        await said(await browser.post("/api/v1/runs", json=_order()), 201)
        assert (await browser.post("/api/v1/runs", json=_order())).status_code == 409
        made = await said(await admin.post("/api/v1/people", json={"name": "mia", "role": "viewer"}), 201)
        token = {"label": "wall", "role": "viewer", "days": 1}
        shown = await said(await admin.post("/api/v1/me/tokens", json=token), 201)
        found = {deed.entry.number: deed for deed in deeds(rig.people.file, Wanted())}
        told = [(deed.entry.act, deed.entry.person, deed.outcome) for _, deed in sorted(found.items())]
        assert told == [
            ("sign_in", "otto", "done"),
            ("sign_in", "anna", "done"),
            ("sign_in_failed", "", "failed"),
            ("start", "otto", "done"),
            ("start", "otto", "refused"),
            ("person_add", "anna", "done"),
            ("token_make", "anna", "done"),
        ]
        start = found[4].entry
        assert (start.values["channel"], start.values["cell"], start.address) == (CHANNEL, "coated-li-li", "127.0.0.1")
        kept = people_path(tmp_path / "people.db").read_bytes()
        kept += people_path(tmp_path / "people.db").with_name("people.db.people-wal").read_bytes()
        cookie = browser.cookies.get("cellrig-8765") or ""
        for secret in (PASSWORD, "my secret typed", "wrong", made["password"], shown["token"], cookie):
            assert secret
            assert secret.encode() not in kept
        assert check_file(tmp_path / "people.db").holds


def _order() -> dict[str, object]:
    return {key: value for key, value in ORDER.items() if key != "by"}

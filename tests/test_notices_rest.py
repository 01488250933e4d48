"""Notices through REST: what is open and was sent, its acknowledgement, and what the notices report of themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.api.report_path import NOTICE_REPORTS_PATH
from orchestrator.events import EventKind
from tests.command_line import cellrig
from tests.storing import add_run
from tests.told_people import told
from tests.web_rig import open_web_rig


async def test_what_is_open_is_listed_and_acknowledged_through_web(tmp_path: Path) -> None:
    """Each answer is of now, though nothing is committed to the store in between."""
    async with open_web_rig(tmp_path / "cellrig.db") as rig:
        assert await rig.get("/notices") == {"open": [], "deliveries": []}
        run_id = add_run(rig.store, simulated=True)
        async with told(rig.store, targets=[{"name": "phone", "url": "json://127.0.0.1/"}]) as people:
            people.trip(run_id)
            await rig.get("/notices")
            await asyncio.sleep(3)
            found = await rig.get("/notices")
            (alarm,) = found["open"]
            assert (alarm["key"], alarm["channel"], alarm["notices"]) == (run_id, "27-1-3", 2)
            assert alarm["simulated"] is True
            assert ", simulated" in cellrig("notices", "list", "--store", rig.store.path, "--last", "1").stdout
            assert found["deliveries"][0]["status"] == "delivered"
            done = await rig.post("/notices/acknowledge", {"what": run_id, "by": "ada"})
            assert done == {"acknowledged": [run_id]}
            assert (await rig.get("/notices"))["open"] == []
            refusal = await rig.post("/notices/acknowledge", {"what": "all", "by": "ada"}, 404)
            assert "no open alarm is of all" in refusal["error"]


async def test_the_notices_have_control_store_whether_they_reach_people(tmp_path: Path) -> None:
    """As events that everybody sees, with a severity of their own; no other kind can be stored that way."""
    path = NOTICE_REPORTS_PATH.removeprefix("/api/v1")
    async with open_web_rig(tmp_path / "cellrig.db") as rig:
        report = {"kind": EventKind.NOTICES_FAILED, "sentence": "boss", "data": {"severity": "warning"}}
        answer = await rig.control.post(NOTICE_REPORTS_PATH, json=report)
        assert answer.status_code == 204
        lost = {"kind": EventKind.BROKER_LOST, "sentence": "the feed reports the same way"}
        assert (await rig.control.post(NOTICE_REPORTS_PATH, json=lost)).status_code == 204
        (event,) = (await rig.get("/events?kind=notices%20failed"))["events"]
        assert (event["severity"], event["message"]) == ("warning", "boss")
        await rig.post(path, {"kind": "limit exceeded", "sentence": "no"}, 422)

"""A client in another language, generated from the OpenAPI document alone, does a day's work with the service."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from orchestrator.api.app import build_routes
from orchestrator.clock.scaled import in_loop_time, run_scaled
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S
from tests.api_client import TOKEN
from tests.javascript_client import javascript_client
from tests.served_rig import served

PROGRAM = Path(__file__).parent / "order_follow_stop.mjs"
# Ten minutes of the rack in a second of node's.
SPEED = 600.0


async def _worked(folder: Path) -> tuple[str, str | None]:
    """Serve a rig, generate a client of the document that is served, and give it and what node's work with it wrote."""
    async with served(folder) as there:
        module = folder / "client.mjs"
        module.write_text(javascript_client(build_routes(there.service, there.live).openapi()), "utf-8")
        said = None
        if node := shutil.which("node"):
            arguments = (str(PROGRAM), there.url, TOKEN, module.as_uri())
            process = await asyncio.create_subprocess_exec(node, *arguments, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(in_loop_time(60)):
                said = (await process.communicate())[0].decode()
        return module.read_text("utf-8"), said


def test_client_generated_for_node_orders_follows_and_stops_a_run(tmp_path: Path) -> None:
    """Every operation is a method with its words; where node is, it orders once, follows, reads and stops."""
    text, said = run_scaled(_worked(tmp_path), SPEED, DEMO_EPOCH_UNIX_S)
    for method in ("start(", "stop(", "live(", "samples(", "stop_rack("):
        assert f"  {method}given = {{}}) {{" in text
    assert "state: State of the run" in text
    if said is None:
        return
    seen: dict[str, Any] = json.loads(said)
    assert seen["again"] == seen["run"]
    assert "running" in seen["states"]
    assert seen["running"] == [seen["run"]["run_id"]] == ["R000001"]
    assert seen["sample"]["sequence"] == 1
    assert seen["sample"]["time_utc"].startswith("2026-01-0")
    assert (seen["stop"]["off"], seen["stop"]["pending"]) == (True, False)
    assert seen["ended"]["state"] == "stopped"
    assert {name: status for name, (status, _) in seen["refused"].items()} == {
        "unknown_run": 404,
        "unknown_key": 422,
        "wrong_token": 401,
    }
    assert "there is no such key" in seen["refused"]["unknown_key"][1]

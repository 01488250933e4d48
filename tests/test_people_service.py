"""People at a real service: the link of its first start, sessions over the death of web, and one log of all orders."""

import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from orchestrator.people.set_up import first_link
from orchestrator.rack.lock import owner_of
from tests.people_rig import PASSWORD
from tests.service_bench import children_of, service_bench, until_answered

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


@pytest.mark.needs("ps")
def test_first_admin_signs_up_by_the_link_and_stays_signed_in_when_web_dies(tmp_path: Path) -> None:
    """The service prints the link once; orders of the page and of the terminal are in one log, which holds."""
    with service_bench(tmp_path) as bench:
        bench.serve()
        link = bench.next_line().split()[-1]
        url, _, code = link.partition("/set-up?code=")
        with httpx.Client(base_url=url, headers={"origin": url, "x-cellrig": "1"}, trust_env=False) as browser:
            order = {"code": code, "name": "anna", "password": PASSWORD}
            assert browser.post("/api/v1/set-up", json=order).json()["role"] == "admin"
            assert browser.post("/api/v1/channels/21-1-1/empty", json={}).status_code == 200
            assert bench.service is not None
            assert bench.service.pid is not None
            owner = owner_of(bench.store)
            assert owner is not None
            (web,) = children_of(bench.service.pid) - {owner.pid, bench.rack}
            os.kill(web, signal.SIGKILL)
            until_answered(bench, "/api/v1/status")
            assert browser.get("/api/v1/me").json()["name"] == "anna"
        bench.done("empty", "21-1-2", "--by", "ada")
        entries = json.loads(bench.done("audit-log", "show", "--json"))["entries"]
        told = [(entry["act"], entry["person"], entry["how"], entry["status"]) for entry in reversed(entries)]
        assert told == [
            ("set_up", "anna", "session", None),
            ("empty", "anna", "session", 200),
            ("empty", "ada", "machine", 200),
        ]
        assert bench.done("audit-log", "verify").startswith("all 5 entries hold")
        assert first_link(bench.store, url) is None

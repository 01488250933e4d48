"""Somebody who looks while the service is killed: a web process of its own parent, which is killed too, and its reader.

Whatever web has ever shown must be in the store in the end, value for value: nothing wrong, nothing that was not
committed. And web is back soon after each of its deaths, however control fares meanwhile.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Self

from orchestrator.api.address import listen
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.token import ensure_token, token_path
from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.serving import parent
from orchestrator.serving.child import Work
from orchestrator.serving.processes import be_feed, be_notices, be_web
from tests.kill.checks import Findings, read

# From a death of web to its next answer, in real seconds.
BACK_WITHIN_S = 2.0
# Real seconds from one look to the next, and the longest wait for an answer.
_LOOK_S, _PATIENCE_S = 0.1, 20.0
_ROWS = 500
_KEYS = ("test", "sequence", "time_s", "voltage_v", "current_a", "capacity_ah")


def be_parent(
    said: Connection, store: Path, broker_port: int | None = None, notices: NoticeSettings | None = None
) -> None:
    """Be the parent of web, and of a feed if there is a broker: control is killed elsewhere, and does not answer here.

    With ``notices`` it is that of their process too. What was killed is back as soon as web is: lives are short here.
    """
    parent._OPTIONAL_LONGEST_AGAIN_S = 0.5  # noqa: SLF001 - as said above
    with closing(listen(ServiceSettings(port=0))) as listening:
        port = listening.getsockname()[1]
        web = partial(be_web, ServiceSettings(port=0), store, listening)
        optional: dict[str, Work] = {}
        if broker_port is not None:
            plan = FeedPlan(MqttSettings(port=broker_port, rig="kill", keep_alive_s=2), store, "")
            optional["feed"] = partial(be_feed, plan, ServiceSettings(), listening)
        if notices is not None:
            optional["notices"] = partial(be_notices, notices, ServiceSettings(), store, listening)
        parent.Parent(partial(_no_control, listening), web, lambda: said.send(port), optional).run()


def _no_control(listening: socket.socket, link: ParentLink) -> None:
    listening.close()
    # Nobody listens there.
    link.tell(Word.READY, "http://127.0.0.1:9")
    with suppress(EOFError, OSError):
        while link.hear()[0] is not Word.END:
            pass


class Looker:
    """Reads what web shows of a store, and kills web now and then, until it is closed."""

    def __init__(self, store: Path, port: int, parent: int, seed: int) -> None:
        self._store, self._port, self._parent = store, port, parent
        self._token = ensure_token(token_path(store))[0]
        self._random = Random(f"looking/{seed}")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        # Each row that was shown, by test and sequence.
        self.shown: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._run_of: dict[int, str] = {}
        self.back_s: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def check(self, findings: Findings) -> None:
        """Compare what was shown with the store in the end."""
        sql = f"SELECT {', '.join(_KEYS)} FROM sample"  # noqa: S608 - names of ours
        stored = {(row["test"], row["sequence"]): tuple(row.values()) for row in read(self._store, sql)}
        for key, row in self.shown.items():
            if stored.get(key) != row:
                findings.add("shown", f"web showed {row}, the store has {stored.get(key)}")
        for late_s in self.back_s:
            if late_s > BACK_WITHIN_S:
                findings.add("web", f"web was back {late_s:.1f} s after its death")

    def _look(self) -> None:
        kill_s = time.monotonic() + self._random.uniform(0.2, 2.0)
        while not self._is_over.wait(_LOOK_S):
            self._read_all()
            if time.monotonic() >= kill_s:
                self._kill_web()
                kill_s = time.monotonic() + self._random.uniform(0.2, 2.0)

    def _read_all(self) -> None:
        for run in self._ask("runs?limit=2000")[1].get("runs", ()):
            mine = [key for key in self.shown if run["run_id"] == self._run_of.get(key[0])]
            test, after = max(mine, default=(0, 0))
            status, page = self._ask(f"runs/{run['run_id']}/samples?limit={_ROWS}&after_test={test}&after={after}")
            if status != 200:
                return
            at = [page["columns"].index(name) for name in _KEYS]
            for row in page["rows"]:
                self._run_of[row[0]] = run["run_id"]
                self.shown[row[0], row[1]] = tuple(row[n] for n in at)

    def _kill_web(self) -> None:
        found = Path(f"/proc/{self._parent}/task/{self._parent}/children").read_text().split()
        for pid in (int(word) for word in found):
            if self._random.random() < 0.7:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        while not self._ask("deviations?limit=1")[0] and time.monotonic() - began < _PATIENCE_S:
            time.sleep(0.02)
        self.back_s.append(time.monotonic() - began)

    def _ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask web for a page; the status is 0 if it is dead, and 503 if it has nothing to read yet."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        with closing(link), suppress(OSError, http.client.HTTPException):
            link.request("GET", f"/api/v1/{path}", headers={"Authorization": f"Bearer {self._token}"})
            reply = link.getresponse()
            return reply.status, json.loads(reply.read())
        return 0, {}

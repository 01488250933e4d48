"""Plays one scenario: the tester in a process that lives on, the service in one that is killed and started again."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from orchestrator.api.token import ensure_token, token_path
from orchestrator.rack.start_gate import WINDOW_S
from simulators.oven.beside import OvenBeside
from simulators.tcp_serving import ChiBeside, SmusBeside, serve_ct4008
from tests.kill.checks import Findings, check, marks, read
from tests.kill.child import Exit, World, live
from tests.kill.feeding import FeedReader
from tests.kill.instruments import SMU, SMU_MODEL, InstrumentsEye
from tests.kill.looking import Looker, be_parent
from tests.kill.plan import INSIDE, SPACED_S, Life, Plan
from tests.kill.telling import ToldPerson
from tests.kill.witness import Witness

# Real seconds after which a life that nobody ends is held to hang, and lives that end by themselves.
_LONGEST_LIFE_S = 60.0
_MOST_LAST_LIVES = 8
# Simulated seconds between the begin of a service and the word that it only observes: half a second of real time.
_MOMENT_S = 300.0
# Forked from a process that has everything imported: a real process of its own, without a second of importing.
_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
# What multiprocessing says where the fork server has lost how a child ended; none of ours ends with it.
_STATUS_LOST = 255


class Process(Protocol):
    """What is used of a process of ours."""

    exitcode: int | None
    pid: int | None

    def start(self) -> None:
        """Start it."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""

    def kill(self) -> None:
        """Send SIGKILL."""


@dataclass
class Outcome:
    """What one scenario came to."""

    seed: int
    findings: Findings = field(default_factory=Findings)
    kills: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    observing: int = 0
    decided_s: list[float] = field(default_factory=list)
    good_s: list[float] = field(default_factory=list)
    rows_shown: int = 0
    back_s: list[float] = field(default_factory=list)
    events_fed: int = 0
    alarms_told: int = 0


def play(plan: Plan, *, looked_at: bool = False, is_fed: bool = False, is_told: bool = False) -> Outcome:
    """Play a scenario to its end and check it; ``looked_at``: a web process shows the store meanwhile.

    ``is_fed``: an MQTT feed publishes it beside web, to a broker and a reader; ``is_told``: a person gets notices.
    """
    outcome = Outcome(plan.seed)
    with tempfile.TemporaryDirectory(prefix="cellrig-kill-") as folder:
        server, world = _serve(plan, Path(folder))
        try:
            beside = _looking(world, plan.seed, outcome, is_fed=is_fed, is_told=is_told)
            eye = InstrumentsEye(world) if plan.has_instruments else nullcontext()
            with beside if looked_at else nullcontext(), eye:
                _Scenario(plan, world, outcome).play()
            if isinstance(eye, InstrumentsEye):
                eye.check(outcome.findings)
        finally:
            server.kill()
            server.join()
    return outcome


@contextmanager
def _looking(world: World, seed: int, outcome: Outcome, *, is_fed: bool, is_told: bool) -> Iterator[None]:
    """Let somebody look at the store from the beginning to the end, then check what was shown."""
    ensure_token(token_path(world.store))
    mine, its = multiprocessing.Pipe(duplex=False)
    with (
        FeedReader(world.store, world.folder, seed) if is_fed else nullcontext() as reader,
        ToldPerson(world.store) if is_told else nullcontext() as person,
    ):
        parent = _process(be_parent, its, world.store, reader and reader.port, person and person.settings)
        try:
            with Looker(world.store, mine.recv(), parent.pid or 0, seed) as looker:
                yield
            looker.check(outcome.findings)
            outcome.rows_shown, outcome.back_s = len(looker.shown), looker.back_s
            if reader is not None:
                reader.check(outcome.findings)
                outcome.events_fed = reader.events
            if person is not None:
                person.check(outcome.findings)
                outcome.alarms_told = person.alarms
        finally:
            parent.kill()
            parent.join()


def _process(target: Any, *args: object) -> Process:  # noqa: ANN401 - any function
    context: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
    if _FORKS:
        context.set_forkserver_preload(
            [
                "tests.kill.harness",
                "orchestrator.web.server",
                "orchestrator.feed.process",
                "orchestrator.serving.notices",
                "orchestrator.store.schema",
                "sqlite_utils",
            ]
        )
    process: Process = context.Process(target=target, args=args)
    process.start()
    return process


def _serve(plan: Plan, folder: Path) -> tuple[Process, World]:
    """Start the simulated tester with Li/Li cells in all channels."""
    cells = folder / "cells.toml"
    bad = "overrides = { contact_ohm = 2500.0 }\n" if plan.bad_contact else ""
    text = [f'["21-1-{n}"]\nmodel = "coated-li-li"\n' + (bad if n % 2 else "") for n in range(1, 9)]
    cells.write_text("".join(text), encoding="utf-8")
    mine, its = multiprocessing.Pipe(duplex=False)
    server = _process(_be_server, its, plan, cells)
    address, origin_s, epoch_unix_s = mine.recv()
    chi, switch = mine.recv(), mine.recv()
    world = World(
        folder, int(address.rpartition(":")[2]), chi, switch, plan.speed, origin_s, epoch_unix_s, plan.has_a_late_start
    )
    if plan.has_instruments:
        oven, hands, smu = mine.recv(), mine.recv(), mine.recv()
        world = replace(world, oven=oven, hands=hands, smu=smu)
    return server, world


def _be_server(said: Connection, plan: Plan, cells: Path) -> None:
    def announce(address: str) -> None:
        said.send((address, time.monotonic(), time.time()))

    chi = ChiBeside(0, switch_port=0, announce=said.send, announce_switch=said.send)
    asyncio.run(
        serve_ct4008(
            port=0,
            speed=plan.speed,
            seed=plan.seed,
            negative_voltage=True,
            cells_file=cells,
            announce=announce,
            chi=chi,
            faults=plan.faults,
            oven=OvenBeside(INSIDE[:1], announce=said.send, announce_hands=said.send) if plan.has_instruments else None,
            smus=SmusBeside((SMU_MODEL,), announce=said.send) if plan.has_instruments else None,
        )
    )


class _Scenario:
    def __init__(self, plan: Plan, world: World, outcome: Outcome) -> None:
        self.plan = plan
        self.world = world
        self.outcome = outcome
        self._said: dict[int, int] = {}
        self._reported = 0

    def play(self) -> None:
        """Live all lives, then check."""
        for life in self.plan.lives[:-1]:
            if self._life(life) is not None:
                self._pause(SPACED_S)
        for _ in range(_MOST_LAST_LIVES):
            if self._life(self.plan.lives[-1]) != Exit.OBSERVING:
                break
            self._pause(2 * SPACED_S)
        channels = sorted({order.channel for order in self.plan.orders} - {SMU})
        if self.world.store.exists():
            with Witness(self.world.port) as witness:
                check(self.world.store, witness, channels, self.outcome.findings)

    def _life(self, life: Life) -> int | None:
        """Live one life; give how it ended by itself, None when it was killed."""
        if life.hand_stop:
            with Witness(self.world.port) as witness:
                witness.stop(self.plan.orders[0].channel)
        started_s = time.monotonic()
        process = _process(live, self.world, life, self.plan.orders)
        last = life.killed_after_s is None
        process.join(_LONGEST_LIFE_S if life.killed_after_s is None else life.killed_after_s)
        if hangs := process.exitcode is None:
            process.kill()
            process.join()
        self._listen(started_s)
        code = process.exitcode
        if code == Exit.OVER or code == Exit.OBSERVING:
            return code
        if last and hangs:
            self.outcome.findings.add("ends", f"not over after {_LONGEST_LIFE_S:g} s: {self._states()}")
        elif code not in (-9, _STATUS_LOST):
            self.outcome.findings.add("died", f"the service ended by itself with {code}")
        else:
            name = "a random time" if hangs else life.failpoint.partition(":")[0]
            self.outcome.kills[name] = self.outcome.kills.get(name, 0) + 1
            self._check_kept()
            self._pause(life.gap_s)
        return None

    def _pause(self, simulated_s: float) -> None:
        time.sleep(simulated_s / self.world.speed)

    def _states(self) -> list[dict[str, Any]]:
        return read(self.world.store, "SELECT run_id, state, reason FROM run")

    def _listen(self, started_s: float) -> None:
        """Take in what the process has said; its last line may be cut."""
        if not self.world.reports.exists():
            return
        with self.world.reports.open("r+b") as file:
            file.seek(self._reported)
            lines = file.read().splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
            self._reported = file.seek(0, 2)
        times = {line["kind"]: line["at_s"] - started_s for line in whole}
        unfinished = any(line["kind"] == "begun" and line["unfinished"] for line in whole)
        if unfinished:
            self.outcome.restarts += 1
            self.outcome.decided_s += [times["decided"]] if "decided" in times else []
            self.outcome.good_s += [times["good"]] if "good" in times else []
        for line in whole:
            self._said |= {int(test): mark for test, mark in line.get("marks", {}).items()}
        if observed := [line["unix_s"] for line in whole if line["kind"] == "observing"]:
            self.outcome.observing += 1
            self._check_observing(observed[0], whole[-1]["unix_s"])

    def _check_observing(self, since_s: float, until_s: float) -> None:
        # It had begun a moment before it said so, and leaves the observing by itself.
        until_s = min(until_s, since_s + WINDOW_S - _MOMENT_S)
        sql = "SELECT key FROM intent WHERE command = 'start' AND opened_unix_s BETWEEN ? AND ?"
        if sent := read(self.world.store, sql, since_s, until_s):
            self.outcome.findings.add("double starts", f"started while it should only observe: {sent}")

    def _check_kept(self) -> None:
        """Check that what the process called committed is there after its death."""
        if not self.world.store.exists() or not self._said:
            return
        kept = marks(self.world.store)
        for test, mark in self._said.items():
            if kept.get(test, 0) < mark:
                self.outcome.findings.add("lost", f"test {test}: {mark} committed, {kept.get(test, 0)} kept")

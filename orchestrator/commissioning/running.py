"""Runs a commissioning of one instrument of a bench from its first question to the written bench file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux import RelayMultiplexer, RelayMuxSettings
from drivers.neware.opening import build_tester
from drivers.neware.settings import NewareSettings
from drivers.neware.tester import NewareTester
from drivers.smu import SmuSettings, SmuSource
from drivers.smu.opening import link_to
from orchestrator.bench.opening import open_tester_of
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack, put_resistor, simulated_bench
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning import bench_file, chi660e, ct4008, mux, smu
from orchestrator.commissioning.page import page
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome, Question
from orchestrator.commissioning.tester_hands import TesterHands

CT4008, CHI660E, MUX, SMU = "ct4008", "chi660e", "mux", "smu"
_QUESTIONS: Mapping[str, Sequence[Question[Any]]] = {
    CT4008: ct4008.QUESTIONS,
    CHI660E: chi660e.QUESTIONS,
    MUX: mux.QUESTIONS,
    SMU: smu.QUESTIONS,
}
USUAL_OHM = 1000.0
USUAL_MOST_A = 1e-3
"""A wrong milliampere ends no cell within a minute, and gives 1 V at the usual resistor."""
_MOST_V = 1.0


@dataclass(frozen=True, slots=True)
class Commission:
    """The order of a commissioning: the kind of instrument, where the resistor is, and the most that may flow.

    ``bench`` None takes the built-in simulated bench, in virtual time. ``only`` are questions that are asked again.
    """

    kind: str
    bench: BenchSettings | None
    path: Path | None
    channel: str
    ohm: float = USUAL_OHM
    most_a: float = USUAL_MOST_A
    only: Collection[str] = ()
    begins_anew: bool = False

    def tester(self) -> NewareSettings:
        """Return the settings of the tester with the channel. Raises SettingsError for one of another kind."""
        if not self.channel:
            raise SettingsError("say with --channel in which holder the resistor is, such as 21-1-3")
        settings = (self.bench or simulated_bench()).tester_of(self.channel)
        if not isinstance(settings, NewareSettings):
            raise SettingsError(f"channel {self.channel} is of a {settings.kind}, not of a {self.kind}")
        return settings

    def potentiostat(self) -> Chi660eSettings:
        """Return the settings of the potentiostat. Raises SettingsError where the bench file has none."""
        if self.bench is None:
            raise SettingsError("--simulate has a ct4008 to commission; a chi660e needs --bench FILE")
        if self.bench.potentiostat is None:
            raise SettingsError("the bench file has no [potentiostat]")
        return self.bench.potentiostat

    def switch(self) -> RelayMuxSettings:
        """Return the settings of the switch. Raises SettingsError where the bench file has none of its own line."""
        if self.bench is None or not isinstance(self.bench.multiplexer, RelayMuxSettings):
            raise SettingsError("a switch needs --bench FILE with a [multiplexer] on a line of its own")
        return self.bench.multiplexer

    def source_meter(self) -> SmuSettings:
        """Return the settings of the source meters with the channel. Raises SettingsError for another kind."""
        if self.bench is None or not self.channel:
            raise SettingsError("a source meter needs --bench FILE and --channel CHANNEL")
        settings = self.bench.tester_of(self.channel)
        if not isinstance(settings, SmuSettings):
            raise SettingsError(f"channel {self.channel} is of a {settings.kind}, not of an {self.kind}")
        return settings

    def setup(self) -> Setup:
        """Return what is tried. Raises SettingsError for a current that the channel or the resistor does not bear."""
        if self.kind == MUX:
            name, at = self.switch().name, f"{self.channel}, port {self.switch().port_of(self.channel)}"
            top_a = self.potentiostat().current_limit_a
        elif self.kind == SMU:
            name, at = self.source_meter().name, self.channel
            top_a = self.source_meter().unit(self.channel).largest_current_a
        elif self.kind == CHI660E:
            name, at, top_a = self.potentiostat().name, "the leads", self.potentiostat().current_limit_a
        else:
            name, at = self.tester().name, self.channel
            top_a = self.tester().envelope(self.channel).current_ranges[-1].high_a
        if not 0 < self.most_a <= top_a:
            raise SettingsError(f"the largest current of {self.channel or name} is {top_a * 1000:g} mA")
        if not 0.01 <= self.most_a * self.ohm <= _MOST_V * 1.001:
            told = f"{self.most_a * 1000:g} mA through {self.ohm:g} ohm are {self.most_a * self.ohm:g} V"
            raise SettingsError(f"{told}; a commissioning uses 0.01 to {_MOST_V:g} V: take another resistor or current")
        return Setup(name, self.kind, at, self.ohm, self.most_a)

    def progress(self) -> Progress:
        """Return what an interrupted commissioning of the same has found, else an empty one."""
        setup = self.setup()
        name = f".commission-{setup.instrument}.json"
        path = None if self.path is None else self.path.with_name(self.path.name + name)
        progress = Progress(path, setup)
        if self.begins_anew:
            progress.forget()
        return progress


def question_names(kind: str) -> list[str]:
    """Return the names of the questions to a kind of instrument."""
    return [question.name for question in _QUESTIONS[kind]]


def listed(order: Commission, say: Callable[[str], None]) -> None:
    """Say what every question will do."""
    most_a = order.setup().most_a
    for one in _QUESTIONS[order.kind]:
        say(f"{one.name}: {one.asks} {one.announcement(most_a)}")


def check_names(kind: str, names: Collection[str]) -> None:
    """Raise SettingsError unless these are questions to a kind of instrument."""
    known = question_names(kind)
    if unknown := sorted(set(names) - set(known)):
        raise SettingsError(f"there is no question {', '.join(unknown)}; there are {', '.join(known)}")


async def ask(order: Commission, person: Person, progress: Progress) -> list[Asked]:
    """Put the questions to the instrument. Raises what ``commission`` does, and ConnectionFailed."""
    if order.kind == CHI660E:
        there = PotentiostatHands(
            order.potentiostat(),
            lambda settings: Chi660ePotentiostat(settings, wall_time),
            person,
            order.ohm,
            order.most_a,
            wall_time,
        )
        return await commission(chi660e.QUESTIONS, there, person, progress, wall_time, order.only)
    if order.kind == SMU:
        settings = order.source_meter()
        unit = settings.unit(order.channel)
        source = SmuSource(unit, link_to(unit), settings.decision_timeout_s)
        meter = smu.SourceHands(source, settings, order.channel, order.ohm, order.most_a)
        try:
            return await commission(smu.QUESTIONS, meter, person, progress, wall_time, order.only)
        finally:
            await source.close()
    if order.kind == MUX:
        return await _ask_switch(order, person, progress)
    return await _ask_tester(order, person, progress)


async def _ask_switch(order: Commission, person: Person, progress: Progress) -> list[Asked]:
    settings = order.switch()
    if order.bench is None:
        raise SettingsError("a switch needs --bench FILE")
    switch = RelayMultiplexer(settings)
    try:
        async with open_tester_of(order.bench, order.channel) as tester:
            hands = mux.SwitchHands(
                order.potentiostat(),
                lambda changed: Chi660ePotentiostat(changed, wall_time),
                person,
                order.ohm,
                order.most_a,
                wall_time,
                switch=switch,
                ports=settings.ports,
                tester=tester,
                channel=order.channel,
                port=settings.port_of(order.channel),
            )
            return await commission(mux.QUESTIONS, hands, person, progress, wall_time, order.only)
    finally:
        await switch.close()


async def _ask_tester(order: Commission, person: Person, progress: Progress) -> list[Asked]:
    settings = order.tester()
    async with AsyncExitStack() as stack:
        if order.bench is None:
            tester, simulated = await stack.enter_async_context(open_simulated_rack(SimulatedRack()))
            put_resistor(simulated, order.channel, order.ohm)
        else:
            # Which states take a start is a question: the driver must not answer it from the bench file.
            tried = settings.model_copy(update={"startable_from": ("finish", "stop", "protect")})
            tester = build_tester(tried, wall_time)
            stack.push_async_callback(tester.close)
            await tester.open()
        if not isinstance(tester, NewareTester):
            raise SettingsError(f"{settings.name} is no tester of this kind")
        hands = TesterHands(tester, settings, order.channel, order.ohm, order.most_a, wall_time)
        return await commission(ct4008.QUESTIONS, hands, person, progress, wall_time, order.only)


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a commissioning was written: the copy of the bench file as it was (None: not written), and the page."""

    copy: Path | None
    page: Path | None


def filed(order: Commission, progress: Progress, page_path: Path | None, program: str, now_unix_s: float) -> Filed:
    """Write the answers into the bench file, and the page; a bench with something wrong gets the page alone."""
    asked: Sequence[Asked] = progress.asked
    copy = None
    if page_path is not None:
        page_path.write_text(page(progress.setup, asked, program), encoding="utf-8")
    if order.path is not None and not any(one.found.outcome is Outcome.WRONG for one in asked):
        copy = bench_file.written(order.path, progress.setup, asked, now_unix_s)
        if set(question_names(order.kind)) <= {one.question for one in asked}:
            progress.done()
    return Filed(copy, page_path)


def by_default(order: Commission) -> Commission:
    """Return the order with a current that gives no more than 1 V at its resistor."""
    return replace(order, most_a=min(order.most_a, _MOST_V / order.ohm))

"""Opens the instrument of an order, real or simulated, as the hands that its questions are put to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux import RelayMultiplexer
from drivers.neware.opening import build_tester
from drivers.neware.tester import NewareTester
from drivers.smu import SmuSource
from drivers.smu.links import Link, StreamLink
from drivers.smu.opening import link_to
from drivers.thermometer import LineThermometer
from orchestrator.bench.opening import open_tester_of
from orchestrator.bench.simulated import (
    SimulatedRack,
    open_simulated_chi,
    open_simulated_rack,
    open_simulated_switch,
    put_resistor,
)
from orchestrator.bench.simulated_oven import oven_in_memory
from orchestrator.bench.simulated_smus import smu_on_a_resistor
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.mux import SwitchHands
from orchestrator.commissioning.order import CHI660E, CT4008, MUX, OVEN, SIMULATED_AT, SMU, Commission
from orchestrator.commissioning.people import Person, ReadsForThem
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.smu_hands import WATCH_S, SourceHands
from orchestrator.commissioning.smu_simulated import AtSimulatedMeter
from orchestrator.commissioning.tester_hands import TesterHands

if TYPE_CHECKING:
    from orchestrator.commissioning.oven_hands import OvenHands


@asynccontextmanager
async def _tester(order: Commission, person: Person) -> AsyncIterator[TesterHands]:
    settings = order.tester()
    if order.bench is None:
        async with open_simulated_rack(SimulatedRack()) as (simulated, bench):
            if not isinstance(simulated, NewareTester):
                raise SettingsError(f"{settings.name} is no tester of this kind")
            put_resistor(bench, order.at, order.ohm)
            yield TesterHands(simulated, settings, order.at, order.ohm, order.most_a, wall_time)
        return
    # Which states take a start is a question: the driver must not answer it from the bench file.
    tried = settings.model_copy(update={"startable_from": ("finish", "stop", "protect")})
    tester = build_tester(tried, wall_time)
    if not isinstance(tester, NewareTester):
        raise SettingsError(f"{settings.name} is no tester of this kind")
    try:
        await tester.open()
        yield TesterHands(tester, settings, order.at, order.ohm, order.most_a, wall_time)
    finally:
        await tester.close()


@asynccontextmanager
async def _potentiostat(order: Commission, person: Person) -> AsyncIterator[PotentiostatHands]:
    if order.bench is not None:
        yield PotentiostatHands(order.potentiostat(), _driver, person, order.ohm, order.most_a, wall_time)
        return
    async with (
        open_simulated_rack(SimulatedRack()) as (_, bench),
        open_simulated_chi(bench, order.potentiostat().name) as (settings, build),
    ):
        put_resistor(bench, SIMULATED_AT, order.ohm)
        bench.clip(SIMULATED_AT)
        reader = ReadsForThem(person, lambda: bench.leads.is_driven, lambda: 1000 * bench.leads.ac_rms_v)
        yield PotentiostatHands(settings, build, reader, order.ohm, order.most_a, wall_time)


@asynccontextmanager
async def _switch(order: Commission, person: Person) -> AsyncIterator[SwitchHands]:
    mux, at = order.switch(), order.at
    usual = (order.ohm, order.most_a, wall_time)
    wired = [int(port) for port in mux.channels]
    if order.bench is not None:
        switch = RelayMultiplexer(mux)
        try:
            async with open_tester_of(order.bench, at) as tester:
                yield SwitchHands(
                    order.potentiostat(), _driver, person, *usual,
                    switch=switch, ports=mux.ports, wired=wired, tester=tester, channel=at, port=mux.port_of(at),
                )  # fmt: skip
        finally:
            await switch.close()
        return
    async with (
        open_simulated_rack(SimulatedRack()) as (simulated, bench),
        open_simulated_chi(bench, order.potentiostat().name) as (settings, build),
        open_simulated_switch(bench) as (mux, relays),
    ):
        put_resistor(bench, at, order.ohm)
        yield SwitchHands(
            settings, build, person, *usual,
            switch=relays, ports=mux.ports, wired=wired, tester=simulated, channel=at, port=mux.port_of(at),
        )  # fmt: skip


@asynccontextmanager
async def _source_meter(order: Commission, person: Person) -> AsyncIterator[SourceHands]:
    settings = order.source_meter()
    unit = settings.unit(order.at)

    link: Callable[[], Link] = partial(link_to, unit)
    if order.bench is None:
        connect, do = smu_on_a_resistor(unit, order.ohm)
        person = AtSimulatedMeter(person, do)
        link = partial(StreamLink, unit.resource, connect, unit.line_end)
    source = SmuSource(unit, link(), max(settings.decision_timeout_s, WATCH_S))
    try:
        yield SourceHands(source, settings, order.at, order.ohm, order.most_a, person, link)
    finally:
        await source.close()


@asynccontextmanager
async def _oven(order: Commission, person: Person) -> AsyncIterator[OvenHands]:
    # They need pymodbus, which is no part of a usual installation.
    from drivers.oven.opening import ovens_of
    from orchestrator.commissioning.oven_hands import OvenHands
    from orchestrator.commissioning.oven_simulated import AtSimulatedOven

    settings = order.oven_settings()
    if order.bench is None:
        at_oven, lines_of = oven_in_memory()
        hands = OvenHands(
            settings,
            lambda changed: ovens_of([changed], wall_time, lines_of)[0],
            AtSimulatedOven(person, at_oven.do, at_oven.state),
            order.warmest_degc,
            wall_time,
        )
        try:
            yield hands
        finally:
            await hands.close()
        return
    async with AsyncExitStack() as stack:
        inside = [one for one in order.bench.thermometer if settings.name in one.places]
        thermometer = LineThermometer(inside[0], wall_time) if inside else None
        if thermometer is not None:
            stack.push_async_callback(thermometer.close)
            await thermometer.open()

        async def probe() -> float | None:
            return None if thermometer is None else (await thermometer.read())[settings.name].temperature_degc

        hands = OvenHands(
            settings,
            lambda changed: ovens_of([changed], wall_time)[0],
            person,
            order.warmest_degc,
            wall_time,
            None if thermometer is None else probe,
        )
        stack.push_async_callback(hands.close)
        yield hands


def _driver(settings: Chi660eSettings) -> Chi660ePotentiostat:
    return Chi660ePotentiostat(settings, wall_time)


OPENING: Mapping[str, Callable[[Commission, Person], AbstractAsyncContextManager[Any]]] = {
    CT4008: _tester,
    CHI660E: _potentiostat,
    MUX: _switch,
    SMU: _source_meter,
    OVEN: _oven,
}
"""What opens the hands of each kind of instrument; leaving the block closes them."""

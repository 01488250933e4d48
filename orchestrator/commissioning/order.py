"""The order of a commissioning: which instrument of which bench is tried, on what, and with how much at most."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux import RelayMuxSettings
from drivers.neware.settings import NewareSettings
from drivers.oven import OvenSettings
from drivers.smu import SmuSettings
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated import simulated_bench, simulated_switch_settings
from orchestrator.bench.simulated_oven import simulated_oven_settings
from orchestrator.commissioning.oven_setup import USUAL_WARMEST_DEGC, OvenSetup
from orchestrator.commissioning.progress import Progress, Setup

CT4008, CHI660E, MUX, SMU, OVEN = "ct4008", "chi660e", "mux", "smu", "oven"
NEED_A_PERSON = frozenset({CHI660E, SMU, OVEN})
"""The kinds with questions that a person answers: what a meter or a display shows, or that a lead was moved."""
SIMULATED_AT = "21-1-3"
"""The holder of the simulated bench in which the resistor is unless the operator names another."""
_SIMULATED_AT = {CT4008: SIMULATED_AT, MUX: SIMULATED_AT, SMU: "smu-1"}
USUAL_OHM = 1000.0
USUAL_MOST_A = 1e-3
"""A wrong milliampere ends no cell within a minute, and gives 1 V at the usual resistor."""
_MOST_V = 1.0


@dataclass(frozen=True, slots=True)
class Commission:
    """The order of a commissioning: the kind of instrument, where the resistor is, and the most that may flow.

    ``bench`` None takes the built-in simulated bench, in virtual time. ``only`` are questions that are asked again.
    ``oven`` names one of several; no set point above ``warmest_degc`` is ordered.
    """

    kind: str
    bench: BenchSettings | None
    path: Path | None
    channel: str
    ohm: float = USUAL_OHM
    most_a: float = USUAL_MOST_A
    only: Collection[str] = ()
    begins_anew: bool = False
    oven: str = ""
    warmest_degc: float = USUAL_WARMEST_DEGC

    @property
    def there(self) -> BenchSettings:
        """The bench: that of a file, or the built-in simulated one with its switch."""
        if self.bench is not None:
            return self.bench
        bench = simulated_bench()
        channels = [
            name for tester in bench.tester if isinstance(tester, NewareSettings) for name in tester.channel_names()
        ]
        return bench.model_copy(update={"multiplexer": simulated_switch_settings(sorted(channels))})

    @property
    def at(self) -> str:
        """The channel with the resistor. Raises SettingsError where nobody has said it on a real bench."""
        channel = self.channel or ("" if self.bench is not None else _SIMULATED_AT.get(self.kind, ""))
        if not channel:
            raise SettingsError("say with --channel in which holder the resistor is, such as 21-1-3")
        return channel

    def tester(self) -> NewareSettings:
        """Return the settings of the tester with the channel. Raises SettingsError for one of another kind."""
        settings = self.there.tester_of(self.at)
        if not isinstance(settings, NewareSettings):
            raise SettingsError(f"channel {self.at} is of a {settings.kind}, not of a {self.kind}")
        return settings

    def potentiostat(self) -> Chi660eSettings:
        """Return the settings of the potentiostat. Raises SettingsError where the bench file has none."""
        if (settings := self.there.potentiostat) is None:
            raise SettingsError("the bench file has no [potentiostat]")
        return settings

    def switch(self) -> RelayMuxSettings:
        """Return the settings of the switch. Raises SettingsError where the bench file has none of its own line."""
        if not isinstance(settings := self.there.multiplexer, RelayMuxSettings):
            raise SettingsError("a switch needs --bench FILE with a [multiplexer] on a line of its own")
        return settings

    def source_meter(self) -> SmuSettings:
        """Return the settings of the source meters with the channel. Raises SettingsError for another kind."""
        settings = self.there.tester_of(self.at)
        if not isinstance(settings, SmuSettings):
            raise SettingsError(f"channel {self.at} is of a {settings.kind}, not of an {self.kind}")
        return settings

    def oven_settings(self) -> OvenSettings:
        """Return the settings of the oven. Raises SettingsError where there is none, or which one is not said."""
        if self.bench is None:
            return simulated_oven_settings([])
        named = [one for one in self.bench.oven if self.oven in ("", one.name)]
        if len(named) != 1:
            there = ", ".join(one.name for one in self.bench.oven) or "none"
            raise SettingsError(f"say with --oven which one of the bench file: there is {there}")
        return named[0]

    def _oven_setup(self) -> OvenSetup:
        settings = self.oven_settings()
        if not settings.safe_degc <= self.warmest_degc <= settings.high_degc:
            raise SettingsError(
                f"--warmest {self.warmest_degc:g} degC is not between safe_degc, {settings.safe_degc:g}, which is left "
                f"behind each question, and high_degc, {settings.high_degc:g}"
            )
        return OvenSetup(settings.name, self.kind, settings.name, 0.0, 0.0, self.warmest_degc)

    def setup(self) -> Setup:
        """Return what is tried. Raises SettingsError for what the channel, the resistor or the oven does not bear."""
        if self.kind == OVEN:
            return self._oven_setup()
        name, at, top_a = self._tried()
        self._check_alone()
        if not 0 < self.most_a <= top_a:
            raise SettingsError(f"the largest current of {self.channel or name} is {top_a * 1000:g} mA")
        if not 0.01 <= self.most_a * self.ohm <= _MOST_V * 1.001:
            told = f"{self.most_a * 1000:g} mA through {self.ohm:g} ohm are {self.most_a * self.ohm:g} V"
            raise SettingsError(f"{told}; a commissioning uses 0.01 to {_MOST_V:g} V: take another resistor or current")
        return Setup(name, self.kind, at, self.ohm, self.most_a)

    def _check_alone(self) -> None:
        """Raise SettingsError where another channel may drive what is at the holder: only a service asks both."""
        bench = self.there
        cycling = bench.cycling_potentiostat
        tried = [self.at] if self.kind != CHI660E else [] if cycling is None else cycling.channel_names()
        for channel in tried:
            if others := bench.sharing_with(channel):
                beside = ", ".join(others)
                raise SettingsError(
                    f"channel {channel} and channel {beside} are wired to one cell, and a commissioning asks {channel} "
                    f"alone whether anything is on: take the leads of {beside} off the holder, and their "
                    "[[shared_cell]] out of the bench file until it is done"
                )

    def _tried(self) -> tuple[str, str, float]:
        """Return the name of the instrument, where the resistor is, and the largest current that it can pass."""
        match self.kind:
            case "mux":
                at = f"{self.at}, port {self.switch().port_of(self.at)}"
                return self.switch().name, at, self.potentiostat().current_limit_a
            case "smu":
                meter = self.source_meter()
                return meter.name, self.at, meter.unit(self.at).largest_current_a
            case "chi660e":
                return self.potentiostat().name, "the leads", self.potentiostat().current_limit_a
            case _:
                tester = self.tester()
                return tester.name, self.at, tester.envelope(self.at).current_ranges[-1].high_a

    def progress(self) -> Progress:
        """Return what an interrupted commissioning of the same has found, else an empty one."""
        setup = self.setup()
        name = f".commission-{setup.file_part}.json"
        path = None if self.path is None else self.path.with_name(self.path.name + name)
        progress = Progress(path, setup)
        if self.begins_anew:
            progress.forget()
        return progress


def by_default(order: Commission) -> Commission:
    """Return the order with a current that gives no more than 1 V at its resistor."""
    return replace(order, most_a=min(order.most_a, _MOST_V / order.ohm))

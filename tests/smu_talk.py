"""A simulated source meter without a loop: a line goes in, time passes as the unit says, an answer comes out."""

from __future__ import annotations

from simulators.cells.model import CellModel
from simulators.smu.instrument import Instrument
from simulators.smu.models import MODELS
from simulators.smu.settings import Quirks

EXACT = Quirks(error_scale=0.0, noise_scale=0.0)
"""A unit without errors and noise."""


class Battery:
    """A cell of one voltage behind a resistance, which never changes but where a test says so."""

    temperature_degc = 25.0
    max_interval_s = 30.0

    def __init__(self, emf_v: float, ohm: float = 10.0) -> None:
        self.emf_v, self.ohm = emf_v, ohm
        self.charge_c = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at a current."""
        return self.emf_v + current_a * self.ohm

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a voltage."""
        return (voltage_v - self.emf_v) / self.ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Count the charge."""
        self.charge_c += duration_s * current_a

    def snapshot(self) -> tuple[float, ...]:
        """Return the charge."""
        return (self.charge_c,)

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a charge."""
        (self.charge_c,) = state

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the resistance."""
        return complex(self.ohm, 0.0)


class Capacitor(Battery):
    """A cell whose voltage rises with the charge that passes it: 1 V for each ``farad`` coulombs."""

    def __init__(self, emf_v: float, ohm: float = 10.0, farad: float = 10.0) -> None:
        super().__init__(emf_v, ohm)
        self.farad, self._first_v = farad, emf_v

    def advance(self, duration_s: float, current_a: float) -> None:
        """Charge it."""
        super().advance(duration_s, current_a)
        self.emf_v = self._first_v + self.charge_c / self.farad

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a charge."""
        super().restore(state)
        self.emf_v = self._first_v + self.charge_c / self.farad


class Talk:
    """A unit with a clock that goes on only by what is done: by ``ask`` as long as the unit takes, and by ``wait``."""

    def __init__(self, model: str, cell: CellModel, quirks: Quirks = EXACT, seed: str = "1") -> None:
        self.now_s = 0.0
        self.instrument = Instrument(MODELS[model], lambda: self.now_s, cell, seed, quirks)
        self.unit = self.instrument.unit

    def ask(self, line: str, ends_at_s: float | None = None) -> str | None:
        """Send a line and return the answer, None without one; ``ends_at_s`` is when its commands take effect."""
        steps = self.instrument.run(line)
        try:
            while True:
                seconds = next(steps)
                self.now_s = self.now_s + seconds if ends_at_s is None else ends_at_s
        except StopIteration as end:
            answer: str | None = end.value
            return answer

    def tell(self, *lines: str) -> None:
        """Send lines that neither answer nor leave an error."""
        for line in lines:
            assert self.ask(line) is None, line
            assert not self.unit.status.errors, f"{line}: {self.unit.status.errors}"

    def values(self, line: str) -> list[float]:
        """Send a line and return the numbers of its answer."""
        answer = self.ask(line)
        assert answer is not None, f"{line}: {self.unit.status.errors}"
        return [float(text) for text in answer.split(",")]

    def errors(self) -> list[int]:
        """Return the numbers in the error queue, and empty it."""
        numbers = list(self.unit.status.errors)
        self.unit.status.errors.clear()
        return numbers

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.unit.stage.advance()


READY = {
    "keithley-2400": (
        "*RST",
        ":SYST:RSEN ON;:OUTP:SMOD HIMP;:FORM:ELEM VOLT,CURR,TIME,STAT;:SENS:RES:MODE MAN",
        ':SENS:FUNC:OFF:ALL;:SENS:FUNC:CONC ON;:SENS:FUNC "VOLT","CURR"',
    ),
    "keithley-2450": ("*RST", ':OUTP:SMOD HIMP;:SENS:FUNC "CURR";:SENS:CURR:RSEN ON;:SENS:VOLT:RSEN ON'),
    "keithley-2460": ("*RST", ':OUTP:SMOD HIMP;:SENS:FUNC "CURR";:SENS:CURR:RSEN ON;:SENS:VOLT:RSEN ON'),
    "keysight-b2901a": (
        "*RST",
        ":OUTP:ON:AUTO OFF;:OUTP:OFF:MODE HIZ;:OUTP:PROT OFF;:SENS:REM ON;:FORM:ELEM:SENS VOLT,CURR,STAT",
    ),
}
"""Lines that make each model ready for a cell: four-wire, high impedance when off, both quantities measured."""

"""The vendor's own program at the CT-4008's PC: people write schedules there, start tests, and change them by hand.

None of it passes the API, as on a real rack: what a client of the API sees are only the tests that are there. Step
files are written by this module alone, in the file's own units (reference neware-ct4008, section 5.2), and left in a
folder, as the program leaves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulators.neware.memory import StoredTest
from simulators.neware.schedule import Schedule, Step, StepKind
from simulators.neware.stepfile import read_schedule
from simulators.neware.tester import Tester


@dataclass(frozen=True, slots=True)
class FileStep:
    """One step of a step file: its type, and the leaf values below ``Limit`` by their names, in the file's units."""

    kind: StepKind
    values: tuple[tuple[str, float], ...] = ()

    def xml(self, number: int) -> str:
        """Return the step's element."""
        group = "Other" if self.kind is StepKind.LOOP else "Main"
        leaves = "".join(f'<{name} Value="{value:.6f}"/>' for name, value in self.values)
        inner = f"<Limit><{group}>{leaves}</{group}></Limit>" if leaves else ""
        return f'<Step{number} Step_ID="{number}" Step_Type="{int(self.kind)}">{inner}</Step{number}>'


def rest(time_s: float) -> FileStep:
    """Return a rest."""
    return FileStep(StepKind.REST, (("Time", time_s * 1e3),))


def current(current_a: float, time_s: float, stop_v: float | None = None) -> FileStep:
    """Return a step of constant current, positive in charge."""
    kind = StepKind.CC_CHARGE if current_a > 0 else StepKind.CC_DISCHARGE
    stop = () if stop_v is None else (("Stop_Volt", stop_v * 1e4),)
    return FileStep(kind, (("Curr", abs(current_a) * 1e3), ("Time", time_s * 1e3), *stop))


def held(current_a: float, voltage_v: float, stop_a: float, time_s: float) -> FileStep:
    """Return a charge at constant current, then at constant voltage down to ``stop_a``."""
    values = (("Curr", current_a * 1e3), ("Volt", voltage_v * 1e4), ("Stop_Curr", stop_a * 1e3), ("Time", time_s * 1e3))
    return FileStep(StepKind.CCCV_CHARGE, values)


def loop(back_to: int, times: int) -> FileStep:
    """Return a loop that executes the steps from ``back_to`` on ``times`` times."""
    return FileStep(StepKind.LOOP, (("Start_Step", back_to), ("Cycle_Count", times)))


@dataclass(frozen=True, slots=True)
class Protections:
    """The limits of a whole file; None leaves one out, as people do."""

    upper_v: float | None = 5.0
    lower_v: float | None = -5.0
    current_a: float | None = 0.1
    delay_s: float | None = 5.0

    def xml(self) -> str:
        """Return the element ``Protect``."""
        volt = _leaf("Upper", self.upper_v, 1e4) + _leaf("Lower", self.lower_v, 1e4)
        amp = _leaf("Upper", self.current_a, 1e3)
        amp += _leaf("Lower", None if self.current_a is None else -self.current_a, 1e3)
        delay = _leaf("Delay_Time", self.delay_s, 1e3)
        return f"<Protect><Main><Volt>{volt}</Volt><Curr>{amp}</Curr>{delay}</Main></Protect>"


def _leaf(name: str, value: float | None, factor: float) -> str:
    return "" if value is None else f'<{name} Value="{value * factor:.6f}"/>'


@dataclass(frozen=True, slots=True)
class StepFile:
    """A step file as the vendor's editor saves it: v18, in UTF-8, its End step added."""

    steps: Sequence[FileStep]
    protections: Protections = field(default_factory=Protections)
    record_s: float = 60.0

    def xml(self, remark: str) -> bytes:
        """Return the file."""
        steps = [*self.steps, FileStep(StepKind.END)]
        record = f'<Record><Main><Time Value="{self.record_s * 1e3:.0f}"/></Main></Record>'
        text = (
            '<?xml version="1.0" encoding="utf-8"?>\r\n<root><config type="Step File" version="18" '
            'client_version="BTS Client 8.0.1.492(2025.01.23)(R3)" date="20260105090000" Guid="vendor">'
            f'<Head_Info><Operate Value="66"/><Scale Value="1"/><Start_Step Value="1"/><Remark Value="{remark}"/>'
            '<RateType Value="103"/></Head_Info>'
            f'<Whole_Prt>{self.protections.xml()}{record}</Whole_Prt><Step_Info Num="{len(steps)}">'
            f"{''.join(step.xml(number) for number, step in enumerate(steps, 1))}</Step_Info></config></root>"
        )
        return text.encode()


class VendorProgram:
    """A person at the vendor's program. ``folder`` is where it keeps its step files, one for each barcode."""

    def __init__(self, tester: Tester, folder: Path) -> None:
        """Sit down at this tester's PC."""
        self._tester = tester
        self._folder = folder

    def start(self, channel: str, file: StepFile, barcode: str, *, overshoots_v: float = 0.0) -> StoredTest:
        """Start a test; ``overshoots_v``: the tester ends its steps so much beyond the voltages of the file."""
        data = file.xml(barcode)
        (self._folder / f"{barcode}.xml").write_bytes(data)
        schedule = self._read(channel, data)
        if overshoots_v:
            schedule = replace(schedule, steps=tuple(_beyond(step, overshoots_v) for step in schedule.steps))
        if self._tester.start(channel, schedule, barcode) is None:
            raise ValueError(f"channel {channel} is busy")
        return self.test(channel)

    def test(self, channel: str) -> StoredTest:
        """Return the latest test of a channel, brought up to now."""
        test = self._tester.channel(channel).test(0)
        if test is None:
            raise ValueError(f"channel {channel} has no test")
        return test

    def stop(self, channel: str) -> None:
        """Stop a test."""
        self._tester.stop(channel)

    def pause(self, channel: str) -> None:
        """Pause a test."""
        self._tester.channel(channel).machine.pause(self._tester.now_tick())

    def go_on(self, channel: str) -> None:
        """Continue a paused test."""
        self._tester.resume(channel)

    def jump(self, channel: str, step: int) -> None:
        """Send a test to another step."""
        self._tester.goto(channel, step)

    def replace(self, channel: str, file: StepFile) -> None:
        """Replace the schedule of a running test."""
        self._tester.replace_schedule(channel, self._read(channel, file.xml("")))

    def rename(self, channel: str, barcode: str) -> None:
        """Type another barcode."""
        self.test(channel).barcode = barcode

    def _read(self, channel: str, data: bytes) -> Schedule:
        return read_schedule(data, self._tester.channel(channel).unit.ratings)


def _beyond(step: Step, by_v: float) -> Step:
    """Return a step that ends beyond its voltage."""
    if step.stop_voltage_v is None:
        return step
    return replace(step, stop_voltage_v=step.stop_voltage_v + step.direction * by_v)

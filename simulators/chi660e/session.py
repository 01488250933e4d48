"""Runs a checked macro from its first line to its last: the program's state across runs [4.1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from simulators.chi660e.checking import FIRST_TECHNIQUE, Refused, number
from simulators.chi660e.commands import COMMON, Takes
from simulators.chi660e.instrument import Run
from simulators.chi660e.instrument_link import Link
from simulators.chi660e.loops import Loops
from simulators.chi660e.macro import Line
from simulators.chi660e.parameters import Parameters
from simulators.chi660e.records import Recorded
from simulators.chi660e.run_faults import BreakingLink, is_broken
from simulators.chi660e.saving import Saver
from simulators.chi660e.settings import Settings

if TYPE_CHECKING:
    Measure = Callable[[Run], Recorded]

_INCREMENTED = ("ei", "ef", "eh", "el", "v", "pw")


class Session:
    """The program between its start and its end."""

    def __init__(self, link: Link, settings: Settings, saver: Saver) -> None:
        """Begin with the cell off and nothing measured."""
        self._link = BreakingLink(link, settings.faults) if is_broken(settings.faults) else link
        self._settings = settings
        self._saver = saver
        self._parameters = Parameters(FIRST_TECHNIQUE)
        self._memory: Recorded | None = None
        self._dummy = False
        self._keeps_cell_on = False
        self._loops = Loops()
        self._quits = False

    def run(self, lines: list[Line]) -> bool:
        """Carry the macro out; True when the program is to close. Refused for a pop-up."""
        if any(line.name == "macrotest" for line in lines):
            return any(line.name == "forcequit" and line.squeezed == "yesiamsure" for line in lines)
        at = 0
        while at < len(lines) and not self._quits:
            line = lines[at]
            jump = self._loops.jump(lines, at)
            if jump is not None:
                if line.name.startswith("next"):
                    self._increment()
                at = jump
                continue
            self._do(line)
            at += 1
        return self._quits

    def _do(self, line: Line) -> None:
        act = self._ACTS.get(line.name)
        if act is not None:
            act(self, line)
            return
        command = COMMON.get(line.name)
        takes_number = line.value is not None and not (command and command.takes is not Takes.NUMBER)
        if line.name == "pn":
            self._parameters.choose("pn", line.squeezed[:1])
        else:
            self._parameters.set(line.name, number(line) if takes_number else None)

    def _run(self, _: Line) -> None:
        """Measure once: link check, the technique, transfer, cell off."""
        timing = self._settings.timing
        self._link.call("sleep", seconds=timing.link_check_s)
        parameters = self._parameters
        if parameters.from_rest:
            parameters.fix_rest(self._link.call("voltage", dummy=self._dummy)["voltage_v"])
        run = Run(self._link, parameters, self._settings, dummy=self._dummy)
        recorded = _measuring(parameters.technique)(run)
        if not self._keeps_cell_on:
            self._link.call("off")
        self._memory = replace(recorded, dummy=self._dummy, unix_s=self._link.unix_s())
        self._saver.forget()
        self._link.call("sleep", seconds=timing.run_gap_s)

    def _increment(self) -> None:
        """Add the increments of a loop pass."""
        values = self._parameters.values
        for name in _INCREMENTED:
            if name in values:
                values[name] += values.get(f"{name}incr", 0.0)

    def _choose(self, line: Line) -> None:
        self._parameters = Parameters(line.squeezed)

    def _quit(self, line: Line) -> None:
        self._quits = line.squeezed == "yesiamsure"

    def _enter(self, line: Line) -> None:
        self._saver.enter(line.value or ".")

    def _override(self, _: Line) -> None:
        self._saver.place.override = True

    def _label(self, line: Line) -> None:
        if line.name == "header":
            self._saver.place.header = line.value or ""
        else:
            self._saver.place.note = line.value or ""

    def _save(self, line: Line) -> None:
        name = self._loops.numbered(line.value or "")
        if line.name == "save":
            self._saver.save(name, self._memory)
        else:
            self._saver.save_text(name, self._memory, csv=line.name == "csvsave")

    def _wait(self, line: Line) -> None:
        self._link.call("sleep", seconds=number(line))

    def _switch(self, line: Line) -> None:
        port = self._loops.count if line.name == "mchn" else int(number(line))
        self._link.call("select", port=port)

    def _cell(self, line: Line) -> None:
        self._keeps_cell_on = line.name == "cellon"
        if not self._keeps_cell_on:
            self._link.call("off")

    def _internal(self, line: Line) -> None:
        self._dummy = line.name == "dummyon"

    _ACTS: ClassVar[Mapping[str, Callable[[Session, Line], None]]] = {
        "tech": _choose,
        "run": _run,
        "forcequit": _quit,
        "folder": _enter,
        "fileoverride": _override,
        "header": _label,
        "note": _label,
        "save": _save,
        "tsave": _save,
        "csvsave": _save,
        "delay": _wait,
        "purge": _wait,
        "stir": _wait,
        "mch": _switch,
        "mchn": _switch,
        "cellon": _cell,
        "celloff": _cell,
        "dummyon": _internal,
        "dummyoff": _internal,
    }


def _measuring(technique: str) -> Measure:
    """Return the function that measures a technique; imported here, so that a process loads only what it runs."""
    if technique in ("imp", "ocpt"):
        from simulators.chi660e import impedance

        return impedance.measure_impedance if technique == "imp" else impedance.measure_open_circuit
    if technique in ("cp", "istep"):
        from simulators.chi660e import galvanic

        return galvanic.measure_two_currents if technique == "cp" else galvanic.measure_current_steps
    if technique in ("cv", "lsv", "ca", "i-t"):
        from simulators.chi660e import potentials

        return potentials.MEASURES[technique]
    raise Refused("Error", f"the simulated instrument does not measure {technique}")

"""The buffer of a 2400: filled by readings, read whole, and what is computed of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from simulators.smu.buffers import Reading
from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.status import Complaint
from simulators.smu.unit import Unit
from simulators.smu.values import Arguments, reading

_MOST_POINTS = 2500
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "MEAN": statistics.fmean,
    "SDEV": lambda values: statistics.stdev(values) if len(values) > 1 else 0.0,
    "MAX": max,
    "MIN": min,
    "PKPK": lambda values: max(values) - min(values),
}


def trace_commands(unit: Unit, write: Callable[[list[Reading]], str]) -> Commands:
    """Return the commands of the buffer."""
    chosen = {"statistic": "MEAN"}

    def feed(given: Arguments) -> None:
        given.word({"SENSe[1]": "SENS", "SENSe": "SENS", "CALCulate[1]": "CALC", "CALCulate2": "CALC"})

    def control(given: Arguments) -> None:
        unit.buffers.trace_feeds = given.word({"NEXT": "NEXT", "NEVer": "NEV"}) == "NEXT"

    def clear(_: Arguments) -> None:
        unit.buffers.trace.clear()

    def compute(_: Arguments) -> str:
        """Compute of each function that was sensed; nothing to compute of is -230."""
        if not unit.buffers.trace:
            raise Complaint(-230)
        of, columns = _STATISTICS[chosen["statistic"]], []
        for name in ("voltage_v", "current_a", "resistance_ohm"):
            values = [getattr(it, name) for it in unit.buffers.trace]
            if all(value is not None for value in values):
                columns.append(reading(of(values)))
        return ",".join(columns)

    def choose(given: Arguments) -> None:
        words = {"MEAN": "MEAN", "SDEViation": "SDEV", "MAXimum": "MAX", "MINimum": "MIN", "PKPK": "PKPK"}
        chosen["statistic"] = given.word(words)

    return {
        ":TRACe:POINts": Command(
            lambda given: unit.buffers.size_trace(int(given.plain_number(1, _MOST_POINTS, 100))),
            lambda _: str(unit.buffers.trace.maxlen),
        ),
        ":TRACe:POINts:ACTual": Command(query=lambda _: str(len(unit.buffers.trace))),
        ":TRACe:FEED": Command(feed, lambda _: "SENS1"),
        ":TRACe:FEED:CONTrol": Command(control, lambda _: "NEXT" if unit.buffers.trace_feeds else "NEV"),
        ":TRACe:DATA": Command(query=lambda _: write(list(unit.buffers.trace))),
        ":TRACe:CLEar": Command(clear),
        ":TRACe:TSTamp:FORMat": Command(lambda _: None, lambda _: "ABS"),
        ":CALCulate3:FORMat": Command(choose, lambda _: chosen["statistic"]),
        ":CALCulate3:DATA": Command(query=compute),
    }

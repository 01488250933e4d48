"""The commands for levels, ranges, limits and integration that all dialects write alike, for voltage and current."""

from __future__ import annotations

from functools import partial

from simulators.smu.dialects.dialect import Command, flag
from simulators.smu.dialects.source_and_sense import Settings
from simulators.smu.ranges import Quantity
from simulators.smu.values import Arguments

LONG_WORDS = {Quantity.VOLTAGE: "VOLTage", Quantity.CURRENT: "CURRent"}
"""The header of each quantity."""

FUNCTIONS = {"VOLTage": "VOLT", "VOLTage:DC": "VOLT", "CURRent": "CURR", "CURRent:DC": "CURR"}
"""How a quantity is named as a function."""

MOST_NPLC = 10.0
LEAST_NPLC = 0.01


def source_commands(settings: Settings, function_header: str) -> dict[str, Command]:
    """Return the commands of the source: its function, and level and range of both quantities."""
    unit = settings.unit
    commands = {
        function_header: Command(
            lambda given: settings.set_function(Quantity(given.word(FUNCTIONS))), lambda _: unit.setup.source.value
        )
    }
    for quantity, word in LONG_WORDS.items():
        source = f":SOURce[1]:{word}"
        commands |= {
            f"{source}[:LEVel][:IMMediate][:AMPLitude]": Command(
                partial(settings.set_level, quantity), partial(settings.level, quantity)
            ),
            f"{source}:RANGe": Command(
                partial(settings.set_source_range, quantity), partial(settings.source_range, quantity)
            ),
            f"{source}:RANGe:AUTO": Command(
                partial(settings.set_source_auto, quantity), partial(_source_auto, settings, quantity)
            ),
        }
    return commands


def _source_auto(settings: Settings, quantity: Quantity, _: Arguments) -> str:
    return flag(settings.unit.setup.sourced[quantity].auto)


def sense_commands(settings: Settings, *, shared_nplc: bool) -> dict[str, Command]:
    """Return the commands of the measuring ranges and the integration time, which may be one for all functions."""
    commands: dict[str, Command] = {}
    for quantity, word in LONG_WORDS.items():
        sense = f"[:SENSe[1]]:{word}[:DC]"
        commands |= {
            f"{sense}:RANGe[:UPPer]": Command(
                partial(settings.set_measure_range, quantity), partial(settings.measure_range, quantity)
            ),
            f"{sense}:RANGe:AUTO": Command(
                partial(settings.set_measure_auto, quantity), partial(_measure_auto, settings, quantity)
            ),
            f"{sense}:RANGe:AUTO:LLIMit": Command(
                partial(settings.set_lowest, quantity), partial(_lowest, settings, quantity)
            ),
            f"{sense}:NPLCycles": Command(
                partial(_set_nplc, settings, quantity, shared_nplc), partial(_nplc, settings, quantity)
            ),
        }
    return commands


def limit_commands(settings: Settings, header: str, quantity: Quantity) -> dict[str, Command]:
    """Return the commands of one limit, and of what ``TRIP?`` says of it."""
    return {
        header: Command(partial(settings.set_limit, quantity), partial(settings.limit, quantity)),
        f"{header.replace('[:LEVel]', '')}:TRIPped": Command(query=lambda _: flag(settings.unit.is_limited(quantity))),
    }


def _measure_auto(settings: Settings, quantity: Quantity, _: Arguments) -> str:
    return flag(settings.unit.setup.sensed[quantity].auto)


def _lowest(settings: Settings, quantity: Quantity, _: Arguments) -> str:
    return settings.write(settings.unit.setup.sensed[quantity].lowest)


def _set_nplc(settings: Settings, quantity: Quantity, shared: bool, given: Arguments) -> None:
    value = given.plain_number(LEAST_NPLC, MOST_NPLC, 1.0)
    for sense in settings.unit.setup.sensed.values() if shared else [settings.unit.setup.sensed[quantity]]:
        sense.nplc = value


def _nplc(settings: Settings, quantity: Quantity, given: Arguments) -> str:
    if given.items:
        return settings.write(given.plain_number(LEAST_NPLC, MOST_NPLC, 1.0))
    return settings.write(settings.unit.setup.sensed[quantity].nplc)

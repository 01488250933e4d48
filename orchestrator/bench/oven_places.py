"""Says what is wrong with the ovens and thermometers of a bench file, taken together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from drivers.oven.settings import OvenSettings
from drivers.thermometer.settings import ThermometerSettings


def oven_problem(
    ovens: Sequence[OvenSettings],
    thermometers: Sequence[ThermometerSettings],
    channels: Collection[str],
    inputs: Mapping[str, Collection[str]],
) -> str:
    """Return what is wrong, in a sentence that begins with the table; empty if nothing is.

    ``inputs`` are the places at which each tester measures temperatures itself, by its name.
    """
    return (
        _twice("oven", [one.name for one in ovens])
        or _twice("thermometer", [one.name for one in thermometers])
        or _wrong_place(ovens, {one.name: one.places for one in thermometers} | dict(inputs), channels)
        or _wrong_line(ovens, thermometers)
    )


def _twice(table: str, names: Sequence[str]) -> str:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    return f"{table}: two of them are named {repeated[0]!r}" if repeated else ""


def _wrong_place(
    ovens: Sequence[OvenSettings], thermometers: Mapping[str, Collection[str]], channels: Collection[str]
) -> str:
    """Say which place is none: a cell is in one oven, and each thermometer's place is a channel or an oven."""
    inside: dict[str, str] = {}
    for oven in ovens:
        for place in oven.places:
            if place not in channels:
                return f"oven: {oven.name!r} has {place!r} inside, and no instrument here has that channel"
            if place in inside:
                return f"oven: channel {place} is in {inside[place]!r} and in {oven.name!r}"
            inside[place] = oven.name
    names = {oven.name for oven in ovens}
    measured: dict[str, str] = {}
    for name, places in thermometers.items():
        for place in places:
            if place not in channels and place not in names:
                return f"thermometer: {name!r} is at {place!r}, which is no channel and no oven here"
            if place in measured:
                return f"thermometer: {place} is measured by {measured[place]!r} and by {name!r}"
            measured[place] = name
    return ""


def _wrong_line(ovens: Sequence[OvenSettings], thermometers: Sequence[ThermometerSettings]) -> str:
    """Say which line is used in two ways: ovens at one line differ in their unit numbers, and in nothing else."""
    first: dict[str, OvenSettings] = {}
    units: dict[tuple[str, int], str] = {}
    for oven in ovens:
        where = oven.link.where
        other = first.setdefault(where, oven)
        if other.link.on_one_line() != oven.link.on_one_line():
            return f"oven: {other.name!r} and {oven.name!r} are at one line, and their links say different things of it"
        key = (where, oven.link.unit)
        if key in units:
            return f"oven: {units[key]!r} and {oven.name!r} are both unit {oven.link.unit} of one line"
        units[key] = oven.name
    for thermometer in thermometers:
        if (oven_there := first.get(thermometer.port)) is not None:
            return f"thermometer: {thermometer.name!r} and oven {oven_there.name!r} are both at one port"
    return ""

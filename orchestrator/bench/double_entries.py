"""Finds two entries of a bench file that lead to one tester, by what the instruments themselves say they are.

A bench file cannot tell: another host name, another port, or other units in the two entries may all lead to one BTS,
which lists all of its channels to each. Two owners of one channel would each look after its run, and stop it twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers.interfaces import BatteryTester

_MOST_SHOWN = 3


def double_entry(tester: BatteryTester, others: Iterable[BatteryTester]) -> str:
    """Return why an open tester is the same as another open one, in a sentence; empty if it shares no channel.

    Names of channels are compared in small letters, as orders that name them are.
    """
    mine = {channel.lower(): channel for channel in tester.channels()}
    for other in others:
        shared = [mine[channel.lower()] for channel in other.channels() if channel.lower() in mine]
        if other is not tester and shared:
            more = f" and {len(shared) - _MOST_SHOWN} more" if len(shared) > _MOST_SHOWN else ""
            channels = f"channel {', '.join(shared[:_MOST_SHOWN])}{more}"
            return (
                f"{tester.name} and {other.name} both say that they have {channels}: "
                "two entries of the bench file lead to one tester, or two testers bear one number; make one entry with "
                "all units of the tester, or give the testers numbers of their own"
            )
    return ""

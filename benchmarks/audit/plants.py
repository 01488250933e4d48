"""The faults that are planted in a rack which the vendor's own program drives, and what an audit must call each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.audit.rack import LI_CU, LI_LI, VendorRack
from orchestrator.audit.kinds import AuditKind
from simulators.neware.plants import RecordFault, RecordPlant
from simulators.neware.settings import Quirks, Trouble
from simulators.neware.vendor import Protections, StepFile, current, loop, rest
from simulators.neware.vendor_tests import FILES

CHANNEL, OTHER = "21-1-1", "21-1-2"
HOUR_S = 3600.0
# A record a minute: half an hour of rest, and a part of the third half-cycle behind it.
SOME_RECORDS = 185

Act = Callable[[VendorRack], Coroutine[None, None, None]]


@dataclass(frozen=True)
class Planted:
    """A fault: what happens in the rack, and what is found. ``also`` may be found besides, as its consequence."""

    name: str
    kind: AuditKind
    act: Act
    models: Sequence[str] = (LI_LI,)
    hours: float = 6.0
    every_s: float = 300.0
    also: frozenset[AuditKind] = frozenset()
    quirks: Quirks | None = None
    with_files: bool = True


async def _records(rack: VendorRack, *, fault: RecordFault, amount: float = 0.0) -> None:
    """Start the usual test, whose records are told with a fault from one of them on."""
    rack.start(CHANNEL)
    rack.vendor.test(CHANNEL).plant = RecordPlant(fault, SOME_RECORDS, amount)


async def _trouble(rack: VendorRack, *, trouble: Trouble) -> None:
    """Start the usual test, and break the channel in its third half-cycle."""
    rack.start(CHANNEL)
    await asyncio.sleep(2.6 * HOUR_S)
    rack.tester.make_trouble(CHANNEL, trouble)


async def _hand(rack: VendorRack, *, hand: Callable[[VendorRack], None], at_h: float = 3.2) -> None:
    """Start the usual test, and let a person do something to it."""
    rack.start(CHANNEL)
    await asyncio.sleep(at_h * HOUR_S)
    hand(rack)


async def _pause(rack: VendorRack) -> None:
    rack.start(CHANNEL)
    await asyncio.sleep(3.2 * HOUR_S)
    rack.vendor.pause(CHANNEL)
    # Between two looks: only the log knows it.
    await asyncio.sleep(50)
    rack.vendor.go_on(CHANNEL)


def _restart(rack: VendorRack) -> None:
    rack.vendor.stop(CHANNEL)
    rack.start(CHANNEL)


def _replace(rack: VendorRack) -> None:
    rack.vendor.replace(CHANNEL, StepFile([rest(1800), current(3e-4, 3600), current(-3e-4, 3600), loop(2, 400)]))


async def _file(rack: VendorRack, *, protections: Protections) -> None:
    rack.start(CHANNEL, replace(FILES["li-li"], protections=protections))


async def _overshoot(rack: VendorRack, *, by_v: float) -> None:
    """Start a test whose steps go on beyond the voltages of its file."""
    rack.start(CHANNEL, overshoots_v=by_v)


async def _leaking(rack: VendorRack) -> None:
    """Start a test with rests in which, from some hour on, a current flows."""
    rack.start(CHANNEL, replace(FILES["li-li"], steps=[rest(1800), current(4e-4, 1800), rest(1800), loop(1, 99)]))
    await asyncio.sleep(3 * HOUR_S)
    rack.tester.make_trouble(CHANNEL, Trouble(rest_current_a=2e-6))


async def _pulled(rack: VendorRack) -> None:
    rack.start(CHANNEL, replace(FILES["li-li"], protections=Protections(6.0, -6.0, 1e-3)))
    await asyncio.sleep(2.7 * HOUR_S)
    rack.tester.pull_out_cell(CHANNEL)


async def _contact(rack: VendorRack) -> None:
    """Loosen a lead and touch it again, four times within an hour."""
    rack.start(CHANNEL)
    await asyncio.sleep(2.7 * HOUR_S)
    for _ in range(4):
        rack.tester.loosen_contact(CHANNEL, 100.0)
        await asyncio.sleep(130)
        rack.tester.put_back_cell(CHANNEL)
        await asyncio.sleep(130)


async def _numbers(rack: VendorRack) -> None:
    rack.start(CHANNEL)
    rack.start(OTHER)
    rack.vendor.test(OTHER).test_id = rack.vendor.test(CHANNEL).test_id


async def _barcodes(rack: VendorRack) -> None:
    rack.start(CHANNEL, barcode="cell_7")
    rack.start(OTHER, barcode="cell_7")


async def _started(rack: VendorRack) -> None:
    rack.start(CHANNEL)


async def _shrunk(rack: VendorRack) -> None:
    rack.start(CHANNEL)
    await asyncio.sleep(4 * HOUR_S)
    rack.vendor.test(CHANNEL).plant = RecordPlant(RecordFault.HELD_BACK, SOME_RECORDS)


_LATE, _JUMPED = AuditKind.RECORDS_LATE, AuditKind.STEP_JUMPED

PLANTED: tuple[Planted, ...] = (
    Planted("lost rows", AuditKind.RECORDS_MISSING, partial(_records, fault=RecordFault.LOST, amount=7)),
    Planted("a number twice", AuditKind.NUMBER_REPEATED, partial(_records, fault=RecordFault.REPEATED)),
    Planted(
        "step time back", AuditKind.STEP_TIME_BACK, partial(_records, fault=RecordFault.STEP_TIME_BACK, amount=200)
    ),
    Planted("clock set forward", AuditKind.TIME_JUMP, partial(_records, fault=RecordFault.CLOCK_SET, amount=3600)),
    Planted("clock set back", AuditKind.TIME_JUMP, partial(_records, fault=RecordFault.CLOCK_SET, amount=-60)),
    Planted("charge 1 % off", AuditKind.CHARGE_COUNTER, partial(_records, fault=RecordFault.CAPACITY, amount=1.01)),
    Planted("energy 2 % off", AuditKind.ENERGY_COUNTER, partial(_records, fault=RecordFault.ENERGY, amount=0.98)),
    Planted(
        "stuck voltage",
        AuditKind.VOLTAGE_FLAT,
        partial(_records, fault=RecordFault.STUCK_VOLTAGE),
        also=frozenset({AuditKind.ENERGY_COUNTER}),
    ),
    Planted(
        "records made late", _LATE, partial(_records, fault=RecordFault.SELDOM), also=frozenset({AuditKind.TIME_JUMP})
    ),
    Planted("records shown late", _LATE, partial(_records, fault=RecordFault.HELD_BACK)),
    Planted("records deleted", AuditKind.RECORDS_FEWER, _shrunk, also=frozenset({_LATE})),
    Planted("current 3 % off", AuditKind.CURRENT_OFF, partial(_trouble, trouble=Trouble(current_factor=1.03))),
    Planted(
        "current in rest",
        AuditKind.CURRENT_IN_REST,
        _leaking,
    ),
    Planted(
        "cutoff overshot",
        AuditKind.CUTOFF_OVERSHOT,
        partial(_overshoot, by_v=0.05),
        models=(LI_CU,),
    ),
    Planted(
        "outside the window",
        AuditKind.OUTSIDE_WINDOW,
        _pulled,
        also=frozenset(
            {AuditKind.CURRENT_OFF, AuditKind.ENERGY_COUNTER, AuditKind.CHARGE_COUNTER, AuditKind.VOLTAGE_FLAT}
        ),
    ),
    Planted("no voltage limits", AuditKind.LIMIT_MISSING, partial(_file, protections=Protections(None, None, 1e-3))),
    Planted("no current limit", AuditKind.LIMIT_MISSING, partial(_file, protections=Protections(0.5, -0.5, None))),
    Planted("a loose contact", AuditKind.VOLTAGE_JUMPS, _contact),
    Planted(
        "a barcode typed anew",
        AuditKind.BARCODE_CHANGED,
        partial(_hand, hand=lambda rack: rack.vendor.rename(CHANNEL, "x")),
    ),
    Planted("a jump to another step", _JUMPED, partial(_hand, hand=lambda rack: rack.vendor.jump(CHANNEL, 1))),
    Planted(
        "a jump to the next step", _JUMPED, partial(_hand, hand=lambda rack: rack.vendor.jump(CHANNEL, 3), at_h=2.9)
    ),
    Planted(
        "a jump, no file", _JUMPED, partial(_hand, hand=lambda rack: rack.vendor.jump(CHANNEL, 1)), with_files=False
    ),
    Planted("a pause", AuditKind.PAUSED, _pause, also=frozenset({AuditKind.CONTINUED})),
    Planted("a continuation", AuditKind.CONTINUED, _pause, also=frozenset({AuditKind.PAUSED})),
    Planted(
        "another schedule",
        AuditKind.SCHEDULE_REPLACED,
        partial(_hand, hand=_replace),
        also=frozenset({AuditKind.CURRENT_OFF}),
    ),
    Planted("a stop", AuditKind.STOPPED, partial(_hand, hand=lambda rack: rack.vendor.stop(CHANNEL))),
    Planted("a restart", AuditKind.RESTARTED, partial(_hand, hand=_restart), also=frozenset({AuditKind.BARCODE_TWICE})),
    Planted("a protection", AuditKind.PROTECTED, partial(_hand, hand=lambda rack: rack.tester.protect(CHANNEL))),
    Planted("one number twice", AuditKind.TEST_NUMBER_SHARED, _numbers, models=(LI_LI, LI_LI)),
    Planted("one barcode twice", AuditKind.BARCODE_TWICE, _barcodes, models=(LI_LI, LI_LI)),
    Planted(
        "a clock that drifts",
        AuditKind.CLOCK_WRONG,
        _started,
        quirks=Quirks(clock_drift=30 / 86400),
        hours=48.0,
        every_s=970.0,
    ),
)

"""A commissioning of an oven without cells: every open point is found, and no set point passes the stated one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.commissioning.draws import Flips, pairwise
from benchmarks.commissioning.ovens import SAFE_DEGC, SWITCHES, WARMEST_DEGC, OvenAtHand, missed, usual, written
from benchmarks.commissioning.resistor import Operator
from orchestrator.bench.settings import load_bench
from orchestrator.commissioning import bench_file as bench_file_writer
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.oven import questions
from orchestrator.commissioning.oven_setup import OvenSetup
from orchestrator.commissioning.questions import Outcome
from simulators.faults import Fault, Spoil
from tests.bench_files import bench_file


@pytest.mark.parametrize("flips", pairwise(SWITCHES), ids=lambda flips: flips["model"])
async def test_every_open_point_of_an_oven_is_found(flips: Flips) -> None:
    """In each pair of points all are found and written, no order is above 40 degC, and the safe set point is left."""
    wrong, hottest_degc = await missed(flips)
    assert wrong == []
    assert hottest_degc <= WARMEST_DEGC


async def test_oven_is_read_while_a_person_is_asked() -> None:
    """An oven that runs away while a person looks for its display ends the question in two polls, and is set safe."""
    there, loop = OvenAtHand(usual()), asyncio.get_running_loop()

    class Slow(Operator):
        async def reads(self, question: str, unit: str) -> float | None:
            loop.call_later(60.0, _hot, there)
            await asyncio.sleep(1800.0)
            return 26.0

    hands = there.hands(Slow())
    hands.bound = Bound(0.0, 0.0, 600.0, 0.0)
    began_s = loop.time()
    found = await next(one for one in questions(WARMEST_DEGC) if one.name == "order").ask(hands)
    assert found.outcome is Outcome.WRONG
    assert "40 degC were stated" in found.concluded
    # A jump is believed at the second reading.
    assert loop.time() - began_s < 60.0 + 3 * hands.settings.poll_period_s
    await hands.off()
    assert there.oven.target_degc == SAFE_DEGC
    await hands.close()


def _decoy(there: OvenAtHand) -> None:
    there.controller.registers[2] = ("spare", "decimals")
    there.controller.registers[24] = ("target", "decimals")


def _decoy_with_the_same_number(there: OvenAtHand) -> None:
    _decoy(there)
    there.controller.spare = SAFE_DEGC


def _hot(there: OvenAtHand) -> None:
    there.oven.heat.air_degc = there.oven.heat.sensor_degc = there.oven.heat.walls_degc = 45.0


def _set_high(there: OvenAtHand) -> None:
    there.oven.set_at_panel(120.0)


def _other_number(there: OvenAtHand) -> None:
    there.controller.registers[1] = ("constant 700", "word")
    there.controller.has_float_area = False


def _heats_blind(there: OvenAtHand) -> None:
    there.oven.quirks.output_on_sensor_break = 0.3


def _no_writing(there: OvenAtHand) -> None:
    there.oven.writing_on = False


@pytest.mark.parametrize(
    ("question", "make"),
    [
        ("set-point", _decoy),
        ("order", _decoy_with_the_same_number),
        ("set-point", _hot),
        ("set-point", _set_high),
        ("scale", _other_number),
        ("sensor-break", _heats_blind),
        ("order", _no_writing),
    ],
)
async def test_what_speaks_against_an_oven_ends_its_commissioning(
    question: str, make: Callable[[OvenAtHand], None]
) -> None:
    """A wrong register, sign or number, a hot oven and one that heats without a sensor end it, each at its question."""
    there = OvenAtHand(usual())
    make(there)
    asked = await there.commissioned()
    assert (asked[-1].question, asked[-1].found.outcome) == (question, Outcome.WRONG)
    assert there.oven.highest_order_degc <= WARMEST_DEGC


@pytest.mark.parametrize(
    "link",
    ['link = { port = "/dev/ttyUSB0", unit = 32 } # the left one', '[oven.link]\nport = "/dev/ttyUSB0" # the left one'],
    ids=["in a line", "a table"],
)
async def test_what_was_found_of_an_oven_is_written_into_its_table(tmp_path: Path, link: str) -> None:
    """Settings of the oven and of its link are written with every comment kept, and the bench file is one still."""
    oven = '[[oven]]\nname = "oven"\nmodel = "eurotherm-3216"\nlow_degc = 5\nhigh_degc = 85 # glue melts\n'
    path = bench_file(tmp_path, oven + link)
    there = OvenAtHand(usual(parity="E", floats="none", mode="another", high_degc=70.0))
    asked = await there.commissioned()
    bench_file_writer.written(path, OvenSetup("oven", "oven", "oven", 0.0, 0.0, WARMEST_DEGC), asked, 1_795_824_000.0)
    bench = load_bench(path)
    (settings,) = bench.oven
    assert (settings.link.parity, settings.scale, settings.without) == ("E", 1.0, ("mode",))
    assert (settings.high_degc, bench.preflight.commissioned["oven"].found["when_silent"]) == (70.0, "stays")
    assert all(comment in path.read_text() for comment in ("# the left one", "| glue melts", "commissioned 2026-11-28"))


@pytest.mark.parametrize("model", SWITCHES["model"])
@pytest.mark.parametrize(("own_degc", "low_degc"), [(-2.0, 0.0), (0.0, 0.0), (10.0, 10.0)])
async def test_controller_s_own_lower_limit_is_known_before_a_set_point_below_zero(
    model: str, own_degc: float, low_degc: float
) -> None:
    """What a controller refuses by its own lower limit, whether it tells that or not, leaves no question open."""
    there = OvenAtHand(usual(model=model))
    there.oven.quirks.low_degc = own_degc
    asked = await there.commissioned()
    assert {one.found.outcome for one in asked} <= {Outcome.FOUND, Outcome.LEFT_OUT}
    is_told = there.settings.registers.limits is not None
    assert written(asked) == {"low_degc": low_degc if is_told else 0.0}
    assert there.oven.target_degc == SAFE_DEGC


async def test_set_point_below_zero_that_is_refused_is_never_ordered() -> None:
    """A controller that writes negative numbers otherwise brings low_degc to 0."""
    there = OvenAtHand(usual())
    there.controller.quirks.top_bit_is_sign = True
    asked = await there.commissioned()
    assert written(asked) == {"low_degc": 0.0}
    assert there.oven.target_degc == SAFE_DEGC


async def test_warm_oven_takes_no_step_days_later() -> None:
    """What is asked again on an oven that is warm now orders no step, and says that it has to cool."""
    there = OvenAtHand(usual())
    before = await there.commissioned()
    _hot(there)
    there.oven.highest_order_degc = 0.0
    asked = await there.commissioned(only=["step"], before=before)
    found = next(one.found for one in asked if one.question == "step")
    assert (found.outcome, there.oven.highest_order_degc) == (Outcome.UNDECIDED, 0.0)


async def test_oven_that_passes_the_stated_temperature_is_set_to_the_safe_one_at_once() -> None:
    """A heater that sticks in the step is seen at 40 degC, not after its forty minutes, and the question is wrong."""
    there = OvenAtHand(usual())

    class Sticks(Operator):
        def agrees(self, question: str) -> bool:
            if "(step)" in question:
                there.oven.stick_heater()
            return True

    asked = await there.commissioned(Sticks())
    assert (asked[-1].question, asked[-1].found.outcome) == ("step", Outcome.WRONG)
    assert there.oven.target_degc == SAFE_DEGC
    assert there.oven.shown_degc < WARMEST_DEGC + 5.0


@pytest.mark.parametrize("question", [one.name for one in questions(WARMEST_DEGC) if one.longest_s > 60])
async def test_ctrl_c_in_any_question_leaves_the_safe_set_point(question: str) -> None:
    """Cancelled in the middle of each question that orders one, the oven has its safe set point behind it."""
    there = OvenAtHand(usual())
    begun = asyncio.Event()

    class Waits(Operator):
        def tell(self, sentence: str) -> None:
            if sentence.startswith(f"{question} ("):
                begun.set()

    running = asyncio.create_task(there.commissioned(Waits()))
    await begun.wait()
    await asyncio.sleep(1.0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert there.oven.target_degc == SAFE_DEGC


async def test_error_in_a_question_leaves_the_safe_set_point() -> None:
    """Replies that are lost in the middle of the step leave a question open, and the safe set point behind it."""
    there = OvenAtHand(usual())

    class Spoils(Operator):
        def agrees(self, question: str) -> bool:
            if "(step)" in question:
                there.line.wire.spoil(Fault(Spoil.SILENT, "3", times=5))
            return True

    asked = await there.commissioned(Spoils())
    found = next(one.found for one in asked if one.question == "step")
    assert found.outcome is Outcome.UNDECIDED
    assert there.oven.target_degc == SAFE_DEGC

"""What each check before a run says of a program, its limits and its machine, where no service is asked."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.interfaces import BatteryTester
from orchestrator.bench.settings import load_bench
from orchestrator.checks import Check, CheckName, Outcome
from orchestrator.clock.virtual import wall_time
from orchestrator.preflight.alone import checks_alone
from orchestrator.preflight.program_checks import (
    contact_check,
    duration_check,
    envelope_check,
    limits_check,
    plausible_check,
)
from orchestrator.runs.request import RunRequest
from orchestrator.store import back_up, open_store
from orchestrator.store.disk_space import FLOOR_BYTES, predicted_bytes
from protocols.current_sign import Direction
from protocols.forecast import Forecast, forecast
from protocols.loading import load_cell, load_recipe, parse_recipe
from protocols.program import CellFacts, ConstantVoltage, Guards, Program, Step, Until
from protocols.resolve import resolve
from protocols.usual_bands import BANDS
from tests.bench_files import bench_file
from tests.sound_program import BOUNDS, CHARGE, REST, program_of
from tests.station_rig import RECIPE
from tests.toy_tester import ToySettings, ToyTester

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
ROOM = 10**14
HELD = ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0), None, BOUNDS)
LARGE = replace(CHARGE, current_a=0.002)


class OtherTester(ToyTester):
    """A toy that says otherwise what it does about the limits."""

    def __init__(self, **traits: object) -> None:
        super().__init__(ToySettings(cells={"left": "coated-li-li"}), wall_time)
        self.traits = replace(self.traits, **traits)  # type: ignore[arg-type]  # fields of traits


@pytest.mark.parametrize(
    ("tester", "outcome", "words"),
    [
        (None, Outcome.NOT_ASKED, "read back where the tester is known"),
        (OtherTester(limits_read_back=True), Outcome.PASS, "they are read back from toy at the start"),
        (OtherTester(limits_read_back=False, limits_note="so it is"), Outcome.PASS, "at the start: so it is"),
        (OtherTester(limits_read_back=False, limits_note=""), Outcome.WARN, "limits_unverified"),
    ],
)  # fmt: skip
def test_limits_that_nobody_reads_back_are_a_warning(
    tester: BatteryTester | None, outcome: Outcome, words: str
) -> None:
    """An instrument reads them back, says what holds them instead, or is told as unverified."""
    check = limits_check("left", program_of(CHARGE), tester)
    assert (check.outcome, words in check.sentence) == (outcome, True)
    assert "the tester stops outside of 2.5 to 4.2 V or above 1.1 mA, the host at 2.7 to 4.1 V" in check.sentence


@pytest.mark.parametrize(
    "ahead", [Forecast(float("inf"), 1.0, 0.001, 1.0, 3), Forecast(1.0, 1.0, 0.001, float("inf"), 3)]
)
def test_program_without_a_bound_in_time_or_records_is_refused(ahead: Forecast) -> None:
    """Nobody can be told how long a cell is under current, or whether the disk holds its records."""
    assert duration_check(ahead, None, "x").is_failed


@pytest.mark.parametrize(
    ("low_ohm", "high_ohm", "outcome"),
    [(10.0, 1500.0, Outcome.PASS), (None, 1500.0, Outcome.NOT_ASKED), (10.0, None, Outcome.NOT_ASKED)],
)
def test_contact_is_checked_where_its_window_has_two_ends(
    low_ohm: float | None, high_ohm: float | None, outcome: Outcome
) -> None:
    """With one end nothing judges the contact, which is said."""
    program = program_of(CHARGE)
    guards = Guards(resistance_low_ohm=low_ohm, resistance_high_ohm=high_ohm)
    segment = replace(program.cycling[0], guards=guards)
    assert contact_check(replace(program, segments=(segment,))).outcome is outcome


@pytest.mark.parametrize(
    ("steps", "most"),
    [
        ((CHARGE, LARGE, HELD), "2 mA"),
        ((LARGE, CHARGE), "2 mA"),
        ((HELD, CHARGE), "1 mA"),
        ((HELD,), ""),
        ((REST,), ""),
    ],
)
def test_largest_current_of_a_program_is_told(steps: tuple[Step, ...], most: str) -> None:
    """Of all its steps; one whose current nothing limits has none to tell."""
    program = program_of(*steps)
    fits = envelope_check("21-1-3", program, [])
    assert fits.sentence == "the ranges of 21-1-3 fit the program" + (
        f"; its largest current is {most}" if most else ""
    )
    assert envelope_check("21-1-3", program, ["It does not."]).is_failed
    plausible = plausible_check(order(program), BANDS, 3.0).sentence
    assert plausible.startswith(f"at most {most} (" if most else "no step sets a current (")


def order(program: Program, cell: CellFacts | None = None, by: str = "") -> RunRequest:
    """Give an order of a program for a cell."""
    return RunRequest(program if cell is None else replace(program, cell=cell), "21-1-3", "", confirmed_by=by)


def test_what_is_implausible_is_refused_or_told_with_who_confirmed_it() -> None:
    """A sound order has all units of its current, and where one cannot be told, why."""
    whole = CellFacts("mine", "lfp", 1.0, 8.0, 1e-3)
    sound = plausible_check(order(program_of(CHARGE), whole), BANDS, 3.0)
    assert (sound.outcome, sound.sentence) == (Outcome.PASS, "at most 1 mA = 1 mA/cm2 = 125 mA/g = 1 C")
    part = plausible_check(order(program_of(CHARGE), replace(whole, active_mass_mg=None)), BANDS, 3.0)
    assert part.sentence == "at most 1 mA = 1 mA/cm2 = 1 C (mA/g needs active_mass in the cell's file)"
    wrong = replace(CHARGE, current_a=0.03)
    assert plausible_check(order(program_of(wrong), whole), BANDS, 3.0).is_failed
    told = plausible_check(order(program_of(wrong), whole, "ada"), BANDS, 3.0)
    assert (told.outcome, told.sentence.startswith("confirmed by ada: Step 1: 30 mA is ")) == (Outcome.WARN, True)


def alone(folder: Path, program: Program, more: str = "", free: int = ROOM) -> dict[CheckName, Check]:
    """Make the checks of an order on a bench of one tester, by their names."""
    bench = load_bench(bench_file(folder, more))
    made = checks_alone(order(program), bench, folder / "c.db", NOW, lambda _: free)
    assert [check.check for check in made] == list(CheckName)
    return {check.check: check for check in made}


def test_measurement_needs_a_potentiostat_and_may_need_a_person(tmp_path: Path) -> None:
    """Without one the envelope fails; with leads that somebody moves it fits, because the person can be asked."""
    program = resolve(parse_recipe(RECIPE), load_cell("coated-li-li"))
    without = alone(tmp_path, program)
    assert without[CheckName.ENVELOPE].is_failed
    assert "this bench has none: add [potentiostat]" in without[CheckName.ENVELOPE].sentence
    assert without[CheckName.LIMITS].outcome is Outcome.NOT_ASKED
    there = f"[potentiostat]\nprogram = {json.dumps(sys.executable)}\njobs = {json.dumps(str(tmp_path))}\n"
    by_hand = alone(tmp_path, program, there + 'host_loss = "stops"\n')[CheckName.ENVELOPE]
    assert by_hand.outcome is Outcome.PASS, by_hand.sentence


def test_machine_is_asked_what_it_can_tell_without_a_service(tmp_path: Path) -> None:
    """The disk to the byte, the clock, nobody to tell; the store's newest backup once there is a store."""
    program = resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li"))
    needed = 3 * predicted_bytes(int(forecast(program).records)) + FLOOR_BYTES
    found = alone(tmp_path, program, free=int(needed))
    assert found[CheckName.DISK].outcome is Outcome.PASS
    assert alone(tmp_path, program, free=int(needed) - 1)[CheckName.DISK].is_failed
    unasked = "only a running service can tell"
    assert {name for name, check in found.items() if unasked in check.sentence} == {
        *(CheckName.STARTS, CheckName.CHANNEL, CheckName.CELL, CheckName.TESTER, CheckName.VOLTAGE),
        *(CheckName.STEADY, CheckName.BACKUP),
    }
    assert "names nobody who is told" in found[CheckName.NOTICES].sentence
    with open_store(tmp_path / "c.db"):
        pass
    assert alone(tmp_path, program)[CheckName.BACKUP].sentence == "the store has no backup yet"
    for age_s in (3600.0, 100 * 3600.0):
        back_up(tmp_path / "c.db", now_unix_s=NOW - age_s)
    assert alone(tmp_path, program)[CheckName.BACKUP].sentence.startswith("the newest backup is 1 h old")
    told = '[[notices.targets]]\nname = "a"\nurl = "json://127.0.0.1:1"\n'
    assert unasked in alone(tmp_path, program, told)[CheckName.NOTICES].sentence

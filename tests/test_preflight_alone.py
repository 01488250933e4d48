"""The checks before a run that need no service: disk, backup, clock, calibration, voltage at rest, and the command."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drivers.errors import CannotRun, SettingsError
from drivers.interfaces import HostLoss
from drivers.neware import stepfile
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import simulated_bench
from orchestrator.checks import (
    Check,
    CheckName,
    Outcome,
    failed,
    in_order,
    not_asked,
    passed,
    refusals,
    warned,
    with_unasked,
)
from orchestrator.judging.steadiness import Reading, steadiness_check
from orchestrator.preflight.alone import checks_alone
from orchestrator.preflight.machine_checks import backup_check, calibration_check, clock_check, disk_check
from orchestrator.preflight.program_checks import duration_check
from orchestrator.rack.launch import Launch, launch
from orchestrator.runs.order_files import order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import open_store
from orchestrator.store.backup import back_up
from orchestrator.store.disk_space import FLOOR_BYTES, ROW_BYTES
from protocols.forecast import Forecast
from protocols.loading import cell_document, load_cell, load_recipe, recipe_document
from protocols.plausibility import gross, is_same_person, plausibility
from protocols.program import Program
from protocols.resolve import resolve
from tests.bench_files import bench_file
from tests.command_line import cellrig

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
USUAL = PreflightSettings()
HOUR_S = 3600.0


def outcome_of_disk(free: int, own: float, others: float = 0.0, settings: PreflightSettings = USUAL) -> Outcome:
    """Judge a disk with so many bytes free."""
    return disk_check(Path("/"), own, others, settings, lambda _: free).outcome


def test_disk_must_hold_the_records_to_come_three_times() -> None:
    """To the byte: of this run and of those that go on; a program without a bound fits no disk."""
    needed = 3 * (1000 + 500) * ROW_BYTES + FLOOR_BYTES
    assert outcome_of_disk(needed, 1000, 500) is Outcome.PASS
    assert outcome_of_disk(needed - 1, 1000, 500) is Outcome.FAIL
    assert outcome_of_disk(needed - 1, 1000, 500, PreflightSettings(disk_factor=2)) is Outcome.PASS
    assert outcome_of_disk(10**14, float("inf")) is Outcome.FAIL


def test_disk_that_cannot_be_asked_warns() -> None:
    """A share that is away is told, and the folder of a store that is still to be made is no fault."""

    def away(_: Path) -> int:
        raise OSError(5, "Input/output error")

    check = disk_check(Path("/"), 1, 0, USUAL, away)
    assert (check.outcome, "Input/output error" in check.sentence) == (Outcome.WARN, True)
    assert disk_check(Path("/no/such/folder"), 1, 0, USUAL, lambda path: 10**12 * path.is_dir()).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("age_h", "outcome"), [(None, Outcome.WARN), (26.0, Outcome.PASS), (26.1, Outcome.WARN), (-1.0, Outcome.PASS)]
)
def test_backup_of_more_than_a_day_warns(age_h: float | None, outcome: Outcome) -> None:
    """A backup is made each day, and has two hours to be made in; none at all warns too."""
    assert backup_check(None if age_h is None else NOW - age_h * HOUR_S, NOW, USUAL).outcome is outcome


def test_backup_of_a_time_to_come_is_told_as_new() -> None:
    """A clock that was set back makes one; no age is below nothing."""
    assert "is 0 s old" in backup_check(NOW + HOUR_S, NOW, USUAL).sentence


def test_backup_that_is_named_after_a_year_to_come_is_none_of_today(tmp_path: Path) -> None:
    """A clock that was years ahead for an hour leaves one, and it would be told as new until then."""
    path = tmp_path / "c.db"
    open_store(path).close()
    order = RunRequest(resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li")), "21-1-3", "")
    told = []
    for made_unix_s in (NOW + 9 * 8760 * HOUR_S, NOW - HOUR_S):
        back_up(path, now_unix_s=made_unix_s)
        checks = checks_alone(order, load_bench(bench_file(tmp_path)), path, NOW)
        told += [check.sentence for check in checks if check.check is CheckName.BACKUP]
    assert told[0] == "the store has no backup yet"
    assert told[1].startswith("the newest backup is 1 h old")


@pytest.mark.parametrize(
    ("day", "outcome"),
    [
        (date(2025, 11, 27), Outcome.PASS),
        (date(2025, 11, 26), Outcome.WARN),
        (date(2026, 11, 27), Outcome.PASS),
        (date(2026, 11, 28), Outcome.WARN),
    ],
)
def test_calibration_is_valid_for_a_year(day: date, outcome: Outcome) -> None:
    """The day after 365 warns, and so does a date to come; an instrument without a date is not asked."""
    settings = PreflightSettings(calibrated={"ct4008": day})
    assert calibration_check("ct4008", NOW, settings).outcome is outcome
    assert calibration_check("other", NOW, settings).outcome is Outcome.NOT_ASKED


def test_clock_warns_of_drift_first() -> None:
    """What was found of the tester's clock is told, whatever this computer's does; what cannot be told is not asked."""
    outcomes = [clock_check(state).outcome for state in (True, False, None)]
    assert outcomes == [Outcome.PASS, Outcome.WARN, Outcome.NOT_ASKED]
    drifts = clock_check(True, "it drifts by 3 s a day")
    assert (drifts.outcome, drifts.sentence) == (Outcome.WARN, "it drifts by 3 s a day")


def rest(*voltages_v: float) -> list[Reading]:
    """Give readings 5 s apart."""
    return [Reading(100.0 + 5.0 * n, voltage_v) for n, voltage_v in enumerate(voltages_v)]


@pytest.mark.parametrize(
    ("readings", "outcome"),
    [
        (rest(3.3, 3.3001, 3.3, 3.3001, 3.3), Outcome.PASS),
        (rest(3.3, 3.3, 3.3), Outcome.WARN),
        (rest(3.3, 3.3, 3.3, 3.3), Outcome.WARN),
        (rest(3.3, 3.3, 3.32, 3.3, 3.3), Outcome.FAIL),
        (rest(3.3, 3.3, 3.28, 3.3, 3.3), Outcome.FAIL),
        # Symmetric around the middle: no slope, and the ends 5 mV, or a little more, away from the line.
        (rest(0.005, 0.0, -0.005, -0.005, 0.0, 0.005), Outcome.PASS),
        (rest(0.0051, 0.0017, -0.0017, -0.0051, -0.0051, -0.0017, 0.0017, 0.0051), Outcome.FAIL),
        # In V per 5 s: 9.9 and 10.1 mV/min.
        (rest(*(3.3 + 0.000825 * n for n in range(5))), Outcome.PASS),
        (rest(*(3.3 - 0.000842 * n for n in range(5))), Outcome.FAIL),
        (rest(3.3, 3.3, float("nan"), 3.3, 3.3), Outcome.FAIL),
        ([Reading(7.0, 3.3), Reading(7.0, 3.3001), Reading(7.0, 3.3), Reading(7.0, 3.3001)], Outcome.PASS),
    ],
)
def test_voltage_at_rest_neither_jumps_nor_drifts(readings: list[Reading], outcome: Outcome) -> None:
    """A loose lead and a cell that relaxes are refused, both signs; a flat line of a full cell is only told."""
    assert steadiness_check(readings, is_symmetric=False).outcome is outcome


@pytest.mark.parametrize("jump_v", [0.0095, -0.0095, 0.0055])
@pytest.mark.parametrize("watch_s", [15, 30, 90, 600])
@pytest.mark.parametrize("back", [0.5, 1.0])
def test_jump_of_the_voltage_is_seen_however_long_it_is_watched(jump_v: float, watch_s: int, back: float) -> None:
    """Half-way through, for good or for half of the rest: through ten minutes a line over it is nearly flat."""
    count = watch_s // 5 + 1
    there = range(count // 2, count // 2 + max(1, int(back * (count - count // 2))))
    shown = rest(*(3.3 + 1e-4 * (n % 2) + jump_v * (n in there) for n in range(count)))
    check = steadiness_check(shown, is_symmetric=False)
    assert check.is_failed
    assert "no lead is loose" in check.to_do


@pytest.mark.parametrize("every_s", [5.0, 60.0])
def test_drift_is_no_jump_where_readings_are_far_apart(every_s: float) -> None:
    """A cell that drifts by 9 mV/min is let through, though it moves by 9 mV from one reading to the next."""
    shown = [Reading(every_s * n, 3.3 + 0.009 / 60 * every_s * n) for n in range(6)]
    assert steadiness_check(shown, is_symmetric=False).outcome is Outcome.PASS


def test_too_few_readings_say_what_is_missing_and_can_be_made_a_refusal() -> None:
    """A tester that was silent for the watch is a warning with a remedy, and ``refuse`` refuses the start for it."""
    check = steadiness_check(rest(3.3, 3.3), is_symmetric=False)
    assert check.refusal.startswith("only 2 of 4 readings of the voltage at rest came")
    assert "see that the tester answers" in check.to_do
    assert refusals(in_order([check], {CheckName.STEADY})) == [check.refusal]


def test_voltage_at_rest_is_told_by_its_line() -> None:
    """Drift and straying are those of the best straight line, over the time from the first to the last reading."""
    told = steadiness_check(rest(3.3010, 3.3003, 3.3, 3.2997, 3.2990), is_symmetric=False).sentence
    assert told == "over 20 s at rest the voltage drifts by -5.5 mV/min and strays by up to 0.2 mV"
    flat = steadiness_check([Reading(7.0, 3.3)] * 4, is_symmetric=False).sentence
    assert flat == "over 0 s the channel shows the very same 3.3000 V"
    still = steadiness_check([Reading(7.0, 3.3)] * 4, is_symmetric=True).sentence
    assert still == "over 0 s at rest the voltage drifts by +0.0 mV/min and strays by up to 0.0 mV"


def test_flat_line_of_a_symmetric_cell_is_healthy() -> None:
    """A Li/Li cell rests at 0 V."""
    assert steadiness_check(rest(0.0, 0.0, 0.0, 0.0), is_symmetric=True).outcome is Outcome.PASS


def test_check_is_one_text_and_a_bench_makes_refusals_of_warnings() -> None:
    """Order is that of the names; ``refuse`` makes refusals of warnings, and of what cannot be asked at all."""
    made = [warned(CheckName.BACKUP, "old", "make one"), passed(CheckName.DISK, "room"), not_asked(CheckName.OVEN, "-")]
    assert [check.check for check in in_order(made)] == [CheckName.OVEN, CheckName.DISK, CheckName.BACKUP]
    assert refusals(in_order(made)) == []
    by_setting = "it cannot be asked, and nothing starts without it here ([preflight] refuse names oven)"
    assert refusals(in_order(made, {CheckName.BACKUP})) == ["old; make one"]
    assert refusals(in_order(made, set(CheckName))) == [f"-; {by_setting}", "old; make one"]
    assert refusals(in_order(with_unasked([], "only a service can tell"), set(CheckName))) == []
    assert failed(CheckName.DISK, "Full.", "free space").refusal == "Full. Free space"
    assert Check(CheckName.DISK, Outcome.FAIL, "right?").refusal == "right?"


@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("name", ["bare-lfp", "coated-lfp"])
def test_mass_wrong_by_ten_needs_two_persons(name: str, factor: float) -> None:
    """Ten times and a tenth of the mass of each shipped LFP cell are gross, the mass itself is not (faults I07)."""
    sound = resolve(load_recipe("lfp-200mA-g"), load_cell(name))
    mass_mg = (sound.cell.active_mass_mg or 0.0) * factor
    changed = (f"cell.active_mass={mass_mg:.3f} mg",)
    wrong = order_files(recipe_document("lfp-200mA-g"), cell_document(name), None, changed, {}).program()
    assert gross(plausibility(wrong))
    assert not gross(plausibility(sound))


def test_second_person_is_another_one() -> None:
    """However the first name is typed again, it is the first person's; letters of any script count."""
    for again in ("", " ", "Ada", "ada l.", "ADA  L", "ada-l"):
        assert is_same_person(again, "Ada L." if "l" in again.casefold() else "ada")
    assert not is_same_person("Bob", "Ada")
    assert not is_same_person("李", "王")


def test_duration_tells_what_happens_without_this_computer() -> None:
    """The bound of a ride without a host is told, an unknown behaviour warns, and no bound fails."""
    bounded = Forecast(7200.0, 3600.0, 0.001, 120.0, 3)
    rides = duration_check(bounded, HostLoss.RIDES_ON, "ct4008")
    assert (rides.outcome, "ct4008 rides on, 2 h at most" in rides.sentence) == (Outcome.PASS, True)
    assert duration_check(bounded, HostLoss.UNKNOWN, "x").outcome is Outcome.WARN
    endless = Forecast(float("inf"), 3600.0, 0.001, 120.0, 3)
    assert duration_check(endless, HostLoss.RIDES_ON, "ct4008").outcome is Outcome.FAIL


def program() -> Program:
    """Give the program of a shipped recipe."""
    return resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li"))


def test_step_file_that_reads_back_otherwise_is_refused_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are those of the file that was parsed; a writer that loses them is found without any instrument."""
    bench, request = simulated_bench(), RunRequest(program(), "21-1-3", "")

    def limits() -> Check:
        return next(it for it in checks_alone(request, bench, Path("x.db"), NOW) if it.check is CheckName.LIMITS)

    assert (limits().outcome, "-0.6 to 0.6 V" in limits().sentence) == (Outcome.PASS, True)
    # A fault of the writer, which no input brings about.
    real = stepfile.write
    monkeypatch.setattr(stepfile, "write", lambda *args: real(*args).replace(b"Upper", b"Upward"))
    assert limits().is_failed


def test_bench_file_sets_the_checks_and_names_what_is_wrong(tmp_path: Path) -> None:
    """Settings are read from ``[preflight]``; an instrument that is not there and a check that is none are refused."""
    table = '[preflight]\nrefuse = ["backup"]\nwatch_s = 30\ncalibrated = {"%s" = 2026-03-01}\n'
    read = load_bench(bench_file(tmp_path, table % "ct4008")).preflight
    assert (read.refuse, read.watch_s, read.calibrated) == ((CheckName.BACKUP,), 30.0, {"ct4008": date(2026, 3, 1)})
    with pytest.raises(SettingsError, match="there is no instrument 'ct4009' here; there are ct4008"):
        load_bench(bench_file(tmp_path, table % "ct4009"))
    with pytest.raises(SettingsError, match="refuse"):
        load_bench(bench_file(tmp_path, '[preflight]\nrefuse = ["backups"]\n'))


def test_run_on_a_bench_asks_the_disk_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service a full disk refuses too, before the tester is asked anything or a store is made."""
    bench = load_bench(bench_file(tmp_path))
    order = Launch(load_recipe("li-li-0.4"), load_cell("bare-li-li"), "21-1-3", bench, by="ada")
    # The disk of the machine that tests run on has room.
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(CannotRun, match="free space on that disk"):
        launch(order, tmp_path / "c.db", lambda _: None)
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        ("calibration", "does not say when ct4008 was calibrated; it cannot be asked"),
        ("ups", "this bench names no UPS"),
        ("notices", "names nobody who is told"),
        *((name, "") for name in ("versions", "voltage", "steady", "cell", "backup")),
    ],
)
def test_check_that_the_bench_insists_on_and_cannot_be_asked_refuses(tmp_path: Path, refuse: str, words: str) -> None:
    """With what is missing; what a service, or a connected instrument, can tell is left to the service."""
    bench = load_bench(bench_file(tmp_path, f'[preflight]\nrefuse = ["{refuse}"]\n'))
    order = RunRequest(program(), "21-1-3", "")
    told = "".join(refusals(checks_alone(order, bench, tmp_path / "c.db", NOW, lambda _: 10**12)))
    assert words in told
    assert bool(told) == bool(words)


def test_share_that_hangs_is_told_as_late_without_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of step files fails in time, the other checks are made, and nobody waits for the thread."""
    bench, goes_on = load_bench(bench_file(tmp_path)), threading.Event()
    order, store = RunRequest(program(), "21-1-3", ""), tmp_path / "store" / "c.db"
    store.parent.mkdir()

    def free(path: Path) -> int:
        if path == tmp_path:
            goes_on.wait(60)
        return 10**12

    # Its ten seconds are real ones.
    monkeypatch.setattr("orchestrator.preflight.alone.SLOW_WITHIN_S", 0.1)
    found = {check.check: check for check in checks_alone(order, bench, store, NOW, free)}
    assert not goes_on.is_set()
    goes_on.set()
    assert found[CheckName.FOLDER].refusal.startswith(
        "the folder from which ct4008 reads its programs has not answered within 0.1 s; see that the folder is there"
    )
    assert found[CheckName.DISK].outcome is Outcome.PASS


def test_command_tells_what_can_be_told_and_ends_with_its_verdict(tmp_path: Path) -> None:
    """Status 0 and 1, as a table and as JSON; what needs a service is not asked."""
    order = ("preflight", "lfp-200mA-g", "--cell", "bare-lfp", "--channel", "21-1-5", "--store", tmp_path / "c.db")
    good = cellrig(*order, "--json")
    found = json.loads(good.stdout)
    assert (good.returncode, found["may_start"], found["service"]) == (0, True, None)
    asked = {check["check"]: check["outcome"] for check in found["checks"]}
    assert list(asked) == [name.value for name in CheckName]
    assert {asked[name] for name in ("starts", "channel", "cell", "tester", "voltage", "clock")} == {"not asked"}
    assert "nobody has looked at the channel" in cellrig(*order).stdout.replace("\n", " ")
    heavy = cellrig(*order, "--set", "cell.active_mass=11.0 mg")
    assert heavy.returncode == 1
    assert "must not start, because of: plausible" in heavy.stdout.replace("\n", " ")
    assert "another person" in heavy.stdout.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []

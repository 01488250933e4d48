"""What a commissioning finds is written into the bench file and on a page, and told before each run."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.settings import load_bench
from orchestrator.checks import Outcome as CheckOutcome
from orchestrator.commissioning.bench_file import written
from orchestrator.commissioning.page import page
from orchestrator.commissioning.progress import Setup
from orchestrator.commissioning.questions import Asked, Found, Outcome, Setting
from orchestrator.preflight.instrument_checks import commissioned_check
from protocols.loading import load_cell, load_recipe
from protocols.resolve import resolve
from tests.bench_files import bench_file
from tests.command_line import cellrig, refused

NOW_UNIX_S = 1_795_824_000.0  # 2026-11-28
SETUP = Setup("ct4008", "ct4008", "21-1-3", 1000.0, 1e-3)
SETTINGS = NewareSettings(step_files=Path(), step_files_on_bts_pc="", units=(UnitSettings(devid=21, subdevid=1),))
UNIT = {"devid": 21, "subdevid": 1}
FOUND = Found(
    Outcome.FOUND,
    "a cutoff below zero is ignored",
    {"beyond_cutoff_s": 20.0},
    {"stop_below_zero": "ignored", "versions": "devtype 27"},
    (
        Setting(("units", UNIT, "stops_below_zero"), False),
        Setting(("host_loss",), "stops"),
        Setting(("units", UNIT, "voltage_low_v"), -0.95),
    ),
)


def _asked(found: Found = FOUND) -> list[Asked]:
    return [Asked("stop-below-zero", "Is it?", "This & that.", found, 1e-3, NOW_UNIX_S - 60, NOW_UNIX_S, "ada")]


def test_settings_are_written_with_their_evidence_and_no_comment_is_lost(tmp_path: Path) -> None:
    """Settings get a comment with date, person and conclusion; every comment stays, and the old file lies beside it."""
    path = bench_file(tmp_path, "# the left rack\n[service] # ours\n\n[preflight]\nwatch_s = 30 # long\n")
    path.write_text(path.read_text().replace("voltage_low_v = -5.0", "voltage_low_v = -5.0 # data sheet p. 3"))
    before = path.read_text()
    copy = written(path, SETUP, _asked(), NOW_UNIX_S)
    after, bench = path.read_text(), load_bench(path)
    assert copy.read_text() == before
    assert all(comment in after for comment in ("# the left rack", "# ours", "# long", "data sheet p. 3"))
    assert "commissioned 2026-11-28 by ada: a cutoff below zero is ignored" in after
    tester, told = bench.tester[0], bench.preflight.commissioned["ct4008"]
    assert tester.model_dump()["host_loss"] == "stops"
    assert (tester.envelope("21-1-3").voltage_low_v, told.by, told.versions) == (-0.95, "ada", "devtype 27")
    assert dict(told.found) == {"stop_below_zero": "ignored"}
    again = written(path, SETUP, _asked(), NOW_UNIX_S + 1)
    assert again.read_text() == after
    assert load_bench(path) == bench


def test_bench_file_that_would_be_none_any_more_is_left_alone(tmp_path: Path) -> None:
    """A value that the settings refuse, or an instrument that is not there, changes nothing in the file."""
    path = bench_file(tmp_path)
    before = path.read_text()
    wrong = Found(Outcome.FOUND, "x", settings=(Setting(("refresh_s",), -1.0),))
    with pytest.raises(SettingsError, match="refresh_s"):
        written(path, SETUP, _asked(wrong), NOW_UNIX_S)
    with pytest.raises(SettingsError, match="no instrument 'other'"):
        written(path, Setup("other", "ct4008", "21-1-3", 1000.0, 1e-3), _asked(), NOW_UNIX_S)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bench.toml"]
    assert path.read_text() == before


def test_questions_that_nobody_has_asked_stand_as_open(tmp_path: Path) -> None:
    """One of three questions leaves two open; each that is asked later adds to what was found, until none is."""
    path = bench_file(tmp_path)
    names = ("stop-below-zero", "goto", "ranges")
    written(path, SETUP, _asked(), NOW_UNIX_S, names)
    assert load_bench(path).preflight.commissioned["ct4008"].open == ("goto", "ranges")
    found = Found(Outcome.FOUND, "it leaves a step", {}, {"goto": True})
    later = [Asked("goto", "Does it?", "That.", found, 1e-3, NOW_UNIX_S, NOW_UNIX_S, "bob")]
    written(path, SETUP, later, NOW_UNIX_S + 1, names)
    told = load_bench(path).preflight.commissioned["ct4008"]
    assert (told.open, told.by, told.versions) == (("ranges",), "ada, bob", "devtype 27")
    assert dict(told.found) == {"stop_below_zero": "ignored", "goto": True}
    elsewhere = Setup("ct4008", "ct4008", "21-1-4", 1000.0, 1e-3)
    written(path, elsewhere, later, NOW_UNIX_S + 2, names)
    assert load_bench(path).preflight.commissioned["ct4008"].open == ("stop-below-zero", "ranges")


def test_each_source_meter_has_a_table_and_a_page_of_its_own(tmp_path: Path) -> None:
    """The second unit of a tester does not replace the first one in the bench file, nor go on with its answers."""
    units = "".join(
        f'[[tester.units]]\nchannel = "smu-{n}"\nmodel = "keithley-2450"\nresource = "TCPIP::h{n}::1::SOCKET"\n'
        f'serial = "A{n}"\n'
        for n in (1, 2)
    )
    path = bench_file(tmp_path, f'[[tester]]\nkind = "smu"\n{units}')
    found = Found(Outcome.FOUND, "it answers", {}, {"versions": "x"})
    for channel in ("smu-1", "smu-2"):
        setup = Setup("smu", "smu", channel, 1000.0, 1e-3)
        written(path, setup, _asked(found), NOW_UNIX_S)
        assert setup.file_part == f"smu-{channel}"
    assert set(load_bench(path).preflight.commissioned) == {"smu/smu-1", "smu/smu-2"}


def test_page_tells_what_was_asked_done_seen_and_concluded() -> None:
    """The page has question, deed, evidence, conclusion, person and firmware, and needs nothing from elsewhere."""
    text = page(SETUP, _asked(), "cellrig 1")
    for words in ("Is it?", "This &amp; that.", "beyond_cutoff_s", "is ignored", "ada", "devtype 27", "2026-11-28"):
        assert words in text
    assert "http" not in text


@pytest.mark.parametrize(
    ("recipe", "cell", "setting"),
    [("li-li-0.4", "bare-li-li", "stops_below_zero"), ("li-cu-efficiency", "bare-li-cu", "stops_at_capacity")],
)
def test_unit_that_ignores_a_cutoff_runs_no_program_with_one(
    tmp_path: Path, recipe: str, cell: str, setting: str
) -> None:
    """A program with a cutoff below zero, or an end by capacity, is refused by a unit that was found to ignore it."""
    program = resolve(load_recipe(recipe), load_cell(cell))
    path = bench_file(tmp_path)
    assert not load_bench(path).problems(program, "21-1-3")
    path.write_text(path.read_text() + f"{setting} = false\n")
    told = f"as commissioning has shown ({setting})"
    assert any(told in reason for reason in load_bench(path).problems(program, "21-1-3"))


@pytest.mark.parametrize(
    ("table", "outcome", "words"),
    [
        ("", CheckOutcome.WARN, "nobody has commissioned ct4008"),
        ("warn_uncommissioned = false", CheckOutcome.NOT_ASKED, "nobody has commissioned ct4008"),
        ('[commissioned.ct4008]\non = 2026-11-28\nby = "ada"', CheckOutcome.PASS, "on 2026-11-28 by ada"),
        ('[commissioned.ct4008]\non = 2026-11-28\nby = "ada"\nopen = ["goto"]', CheckOutcome.WARN, "left open: goto"),
    ],
)
def test_runs_on_an_instrument_that_was_never_tried_are_warned_of(
    table: str, outcome: CheckOutcome, words: str
) -> None:
    """The check says who has commissioned an instrument, and warns where nobody has or something was left open."""
    check = commissioned_check(SETTINGS, PreflightSettings.model_validate(tomllib.loads(table)))
    assert (check.outcome, words in check.sentence) == (outcome, True)


@pytest.mark.parametrize("kind", ["ct4008", "mux", "smu", "oven"])
def test_newcomer_tries_each_kind_without_an_instrument(kind: str) -> None:
    """On the simulated bench no question is left open, without a channel to name; one may make another pointless."""
    tried = cellrig("commission", kind, "--simulate", "--yes", "--json", "--by", "ada")
    told = json.loads(tried.stdout)
    assert (tried.returncode, {one["found"]["outcome"] for one in told["asked"]} - {"left out"}) == (0, {"found"})


def test_list_of_questions_is_a_document_too() -> None:
    """A script reads of each question what it will do and the most that flows; nothing is asked."""
    told = json.loads(cellrig("commission", "ct4008", "--simulate", "--list", "--json").stdout)
    first, *_ = (one for one in told["questions"] if one["question"] == "resistor")
    assert (told["setup"]["ohm"], first["most_a"], first["longest_s"] > 0) == (1000.0, 1e-3, True)
    assert "At most 1 mA" in first["does"]
    assert "resistor (about" in cellrig("commission", "ct4008", "--simulate", "--list").stdout


def test_real_bench_needs_a_person_for_each_question(tmp_path: Path) -> None:
    """On a real bench nobody agrees to everything beforehand, and no more flows than the channel bears."""
    real = ("commission", "ct4008", "--channel", "21-1-3", "--bench", str(bench_file(tmp_path)))
    refused(cellrig(*real, "--yes"), 2, "--yes is for simulated benches")
    refused(cellrig(*real), 2, "a person must be at the terminal")
    refused(cellrig(*real, "--largest", "1 A"), 2, "the largest current of 21-1-3 is 100 mA")


def test_yes_answers_nothing_that_a_person_reads_at_the_instruments_of_a_bench_file(tmp_path: Path) -> None:
    """Nobody reads the simulated instruments of a bench file for a person: ``--yes`` is refused, with the reason."""
    path = tmp_path / "smu.toml"
    unit = 'channel = "smu-1"\nmodel = "keithley-2450"\nresource = "TCPIP::127.0.0.1::9::SOCKET"\nserial = "1234"\n'
    path.write_text(
        f'simulated = true\n[[tester]]\nkind = "smu"\naccept_unknown_host_loss = true\n[[tester.units]]\n{unit}'
    )
    tried = cellrig("commission", "smu", "--channel", "smu-1", "--bench", str(path), "--yes")
    refused(tried, 2, "--yes agrees, and reads no meter and moves no lead")

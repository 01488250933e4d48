"""Bench files: the documented example loads, every setting is documented, what cannot be is told."""

import re
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.settings import load_bench

PAGE = (Path(__file__).parent.parent / "docs" / "bench.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]


def write(folder: Path, text: str) -> Path:
    """Write a bench file."""
    file = folder / "bench.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_documented_bench_file_loads(tmp_path: Path) -> None:
    """The example of docs/bench.md is valid, and its channel can go below zero."""
    tester = load_bench(write(tmp_path, EXAMPLE)).tester_of("21-1-3")
    assert isinstance(tester, NewareSettings)
    assert tester.poll_period_s == 10
    assert tester.envelope("21-1-3").negative_voltage


@pytest.mark.parametrize("name", [*NewareSettings.model_fields, *UnitSettings.model_fields])
def test_every_setting_is_documented(name: str) -> None:
    """A setting that nobody can find is no setting."""
    if name in {"kind", "units"}:
        return
    assert re.search(rf"\b{name}\b", PAGE)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("poll_period_s = 10", "poll_period_s = 4", "poll_period_s"),
        ("Europe/Zurich", "Europe/Zuerich", "time zone"),
        ("voltage_low_v = -5.0", "voltage_low_v = 6.0", "voltage_low_v"),
        ("[5e-7, 1e-4]", "[1e-4, 5e-7]", "current_ranges_a"),
        ("port = 502", "port = nan", "port"),
        ("devid = 21", "", "devid"),
        ("[[tester]]", "[[tester", "TOML"),
        ("poll_period_s = 10", 'startable_from = ["working"]', "startable_from"),
    ],
)
def test_wrong_setting_is_told_with_its_place(tmp_path: Path, old: str, new: str, word: str) -> None:
    """File, field and what was seen."""
    assert old in EXAMPLE
    with pytest.raises(SettingsError, match=word):
        load_bench(write(tmp_path, EXAMPLE.replace(old, new)))


def test_misplaced_key_is_one_line(tmp_path: Path) -> None:
    """The table in which it stands is left out of its list; that the list is then too short is no second mistake."""
    text = EXAMPLE.replace("devid = 21", "devid = 21\naccept_unknown_host_loss = true")
    with pytest.raises(SettingsError) as told:
        load_bench(write(tmp_path, text))
    (line,) = str(told.value).splitlines()
    assert "units.0" in line


def test_missing_file_is_told(tmp_path: Path) -> None:
    """The path is in the sentence."""
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_bench(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("channel", ["21-1-9", "21-1-0", "21-1", "1-2-3", "21-1-x", "21-1-²", ""])
def test_channel_that_is_not_on_the_bench_lists_those_that_are(tmp_path: Path, channel: str) -> None:
    """Whatever is typed, the answer names the channels."""
    with pytest.raises(SettingsError, match="21-1-1 to 21-1-8"):
        load_bench(write(tmp_path, EXAMPLE)).tester_of(channel)


SECOND_TESTER = EXAMPLE.replace('name = "ct4008"', 'name = "second"')


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        (EXAMPLE + SECOND_TESTER, "channel 21-1-1 of 'second' and channel 21-1-1 of 'ct4008'"),
        (EXAMPLE + "[[tester.units]]\ndevid = 21\nsubdevid = 1\n", "21-1-1 of 'ct4008' and channel 21-1-1 of 'ct4008'"),
    ],
    ids=["two testers", "one tester"],
)
def test_unit_listed_twice_is_refused_with_its_owners(tmp_path: Path, text: str, owners: str) -> None:
    """A channel's name means one channel: no order may go to the first of two testers that have it."""
    with pytest.raises(SettingsError, match=f"{owners} have one name"):
        load_bench(write(tmp_path, text))


def test_two_testers_with_units_of_their_own_load(tmp_path: Path) -> None:
    """Another sub-device is another unit, and each channel finds its own tester."""
    bench = load_bench(write(tmp_path, EXAMPLE + SECOND_TESTER.replace("subdevid = 1", "subdevid = 2")))
    assert [bench.tester_of(channel).name for channel in ("21-1-8", "21-2-1")] == ["ct4008", "second"]


_SMU = '[[tester]]\nkind = "smu"\n{0}\n[[tester.units]]\nchannel = "a"\nmodel = "keithley-2450"\n{1}\n'
_AT = 'resource = "TCPIP::127.0.0.1::5025::SOCKET"'
_OVEN = EXAMPLE + (
    '[[oven]]\nname = "oven"\nmodel = "eurotherm-3216"\nlow_degc = 5\nhigh_degc = 85\n{0}\n[oven.link]\nport = "COM5"\n'
)


@pytest.mark.parametrize(
    ("table", "setting", "word"),
    [
        (_SMU, "poll_period_s = 1e-30", "poll_period_s: it is not between a microsecond and 30 years"),
        (_SMU, "poll_period_s = 0.001", "poll_period_s: .* greater than or equal to 0.01"),
        (_SMU, "voltage_trim_v = 1e30", "voltage_trim_v: it is not between a microvolt and 1000 V"),
        (_SMU, "voltage_trim_v = 1.0", "voltage_trim_v: .* less than or equal to 0.1"),
        (_SMU, "least_voltage_limit_v = 25.0", "least_voltage_limit_v: .* less than or equal to 20"),
        (_SMU, "cell_voltage_most_v = true", "cell_voltage_most_v: true and false are no value"),
        (_OVEN, "poll_period_s = 1e-30", "poll_period_s: it is not between a microsecond and 30 years"),
        (_OVEN, "cut_out_degc = -100", "cut_out_degc, -100, is not above low_degc and safe_degc"),
        (_OVEN, "warn_k = true", "warn_k: true and false are no value"),
        (_OVEN, "grace_s = 1e30", "grace_s: it is not between a microsecond and 30 years"),
    ],
)
def test_number_that_is_none_of_its_unit_is_refused(tmp_path: Path, table: str, setting: str, word: str) -> None:
    """What would poll without a pause, cut out at once or correct by any voltage is told with its reason."""
    load_bench(write(tmp_path, table.format("", f'{_AT}\nserial = "1"')))
    with pytest.raises(SettingsError, match=word):
        load_bench(write(tmp_path, table.format(setting, f'{_AT}\nserial = "1"')))


def test_serial_number_of_blanks_is_none(tmp_path: Path) -> None:
    """It would fit no instrument, and say so only at the first run."""
    with pytest.raises(SettingsError, match="serial"):
        load_bench(write(tmp_path, _SMU.format("", f'{_AT}\nserial = " "')))

"""Lines of source meters as values, and the ranges and times that are chosen for an order."""

import pytest

from drivers.errors import BadReply, CannotRun
from drivers.interfaces import HostLoss
from drivers.smu import SmuModel, SmuUnitSettings
from drivers.smu.dialects import DIALECTS, Form, Setting
from drivers.smu.models import MODELS
from drivers.smu.planning import changed
from drivers.smu.wire import Identity, differs, error_entry, identity, measured, number, spelled
from drivers.sources import Drive, Held


def unit(model: SmuModel = SmuModel.KEITHLEY_2400, **more: object) -> SmuUnitSettings:
    """Return the settings of a source meter at an address of no consequence."""
    table = {"channel": "smu-1", "model": model, "resource": "TCPIP::127.0.0.1::5025::SOCKET", "serial": "1"}
    return SmuUnitSettings.model_validate(table | more)


@pytest.mark.parametrize("text", ["9.91E37", "+9.910000E+37", "-9.9E37", "9.9E37", "9.8E+37", "1E400"])
def test_a_number_that_stands_for_no_value_is_none(text: str) -> None:
    """NaN, infinity and overflow of SCPI are no numbers, whatever their digits."""
    assert number(text) is None


@pytest.mark.parametrize("text", ["", "nan", "inf", "1,2", "0x10", "1E", "--1", "1e12345", "volts"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Words that Python would read as numbers are none on this wire."""
    with pytest.raises(BadReply):
        number(text)


def test_small_numbers_reach_the_wire() -> None:
    """A limit of 100 nA is not sent as zero."""
    assert float(spelled(1.57e-7)) == pytest.approx(1.57e-7, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2400,0801234,C30   Mar 17 2006 09:29:29/A02  /K/H", ("2400", "0801234")),
        ("KEITHLEY INSTRUMENTS,MODEL 2450, 04412345,1.7.12b", ("2450", "04412345")),
        ("Agilent Technologies,b2901a,MY51140001,1.2", ("B2901A", "MY51140001")),
    ],
)
def test_an_identity_is_type_and_serial_number(text: str, fields: tuple[str, str]) -> None:
    """Maker, blanks, capitals and the word MODEL differ between firmwares; type and serial number do not."""
    assert identity(text) == Identity(*fields)


@pytest.mark.parametrize(
    ("text", "code"), [('0,"No error"', 0), ('+0,"No error"', 0), ('-222,"Parameter;1;2026/01/01 00:00:00"', -222)]
)
def test_an_error_is_known_by_its_number(text: str, code: int) -> None:
    """Fields within the text and a sign of the number change nothing."""
    assert error_entry(text).code == code


@pytest.mark.parametrize(
    ("setting", "answer", "is_other"),
    [
        (Setting("", "", "2E1", Form.RANGE), "2.100000E+01", False),
        (Setting("", "", "2E1", Form.RANGE), "2.000000E+00", True),
        (Setting("", "", "2E1", Form.RANGE), "2.100000E+02", True),
        (Setting("", "", "{limit}", Form.NUMBER, "range"), "-1.000000E-03", False),
        (Setting("", "", "{limit}", Form.NUMBER, "range"), "1.050000E-04", True),
        (Setting("", "", "1", Form.NUMBER), "-1", True),
        (Setting("", "", "{limit}", Form.NUMBER, "range"), "9.91E37", True),
        (Setting("", "", "HIMP"), "HIMPEDANCE", False),
        (Setting("", "", "HIMP"), "NORM", True),
        (Setting("", "", "VOLT,CURR", Form.NAMES), '"CURR:DC","VOLT:DC"', False),
        (Setting("", "", "VOLT,CURR", Form.NAMES), '"CURR:DC"', True),
        (Setting("", "", "ON", Form.SWITCH), "0", True),
    ],
)
def test_a_setting_is_confirmed_by_what_it_means(setting: Setting, answer: str, *, is_other: bool) -> None:
    """Ranges are answered with 5 % more, limits with either sign, names short or long; another value is another."""
    assert differs(setting, {"limit": "1E-3", "range": "1E-3"}, answer) is is_other


def test_an_output_that_is_off_has_no_values() -> None:
    """A 2400 that is off answers the first question alone."""
    for text in ("0", "0;", "0;9.91E37,9.91E37,0"):
        found = measured(text, ("voltage", "current", "status"), False, True)
        assert (found.output_on, found.voltage_v, found.current_a) == (False, None, None)


@pytest.mark.parametrize(
    ("status", "voltage_v", "current_a", "at_limit"),
    [
        ("+4.216844E+06", 3.3121, -1.5702e-4, True),  # the composed exchange of section 17: constant current
        ("+4.216836E+06", 3.3121, -1.5702e-4, False),
        (f"{4216836 | 1 << 16:.6E}", 3.3121, -1.5702e-4, True),
        (f"{4216836 | 1:.6E}", 3.3121, None, False),
    ],
)
def test_the_status_word_of_a_2400_tells_limit_and_overflow(
    status: str, voltage_v: float, current_a: float | None, *, at_limit: bool
) -> None:
    """Real and range compliance are the limit; an over-range makes the measured value none."""
    text = f"1;+3.312100E+00,-1.570200E-04,{status}"
    found = measured(text, DIALECTS[SmuModel.KEITHLEY_2400].values, False, True)
    assert (found.voltage_v, found.current_a, found.at_limit) == (voltage_v, current_a, at_limit)


def test_a_2450_measures_one_function_and_reads_the_other_back() -> None:
    """With a voltage sourced its reading is the current; with a current sourced, the voltage. Blanks do not matter."""
    values = DIALECTS[SmuModel.KEITHLEY_2450].values
    by_voltage = measured("1;-1.570213E-04, 3.312087E+00;1", values, True, True)
    by_current = measured("1;3.312087E+00,-1.570213E-04;0", values, True, False)
    assert (by_voltage.voltage_v, by_voltage.current_a, by_voltage.at_limit) == (3.312087, -1.570213e-4, True)
    assert (by_current.voltage_v, by_current.current_a, by_current.at_limit) == (3.312087, -1.570213e-4, False)


@pytest.mark.parametrize(
    "text", ["1", "1;1E-3", "1;1E-3,3.7;1;0", "2;1E-3,3.7;1", "3.7E0", "1;1E-3,3.7,1;0", "1;a,b;0"]
)
def test_a_reply_of_another_shape_is_no_reading(text: str) -> None:
    """The tail of another reply is refused, and never becomes a voltage."""
    with pytest.raises(BadReply):
        measured(text, ("measured", "sourced"), True, True)


@pytest.mark.parametrize("model", SmuModel)
def test_ranges_hold_the_largest_level_and_the_limit(model: SmuModel) -> None:
    """Both ranges are the smallest that hold what will be ordered, at every model."""
    reach, facts = unit(model).reach, MODELS[model]
    for level_v, limit_a in ((4.2, 1.57e-4), (0.5, 1e-3), (1.9, 0.09)):
        voltage_range, current_range = reach.ranges(Drive(Held.VOLTAGE, level_v, limit_a, level_v))
        assert voltage_range == min(full for full in facts.voltage_ranges_v if full >= level_v)
        assert current_range == min(full for full in facts.current_ranges_a if full >= max(limit_a, 1e-6))
    assert reach.ranges(Drive(Held.CURRENT, 0.0, 5.5, 0.0))[0] == 1e-6


def test_an_order_beyond_the_channel_is_refused() -> None:
    """More than the bench file allows, a limit below a thousandth of its range, and numbers that are none."""
    reach = unit(voltage_high_v=4.5, voltage_low_v=-1.0, largest_current_a=0.01).reach
    for drive in (
        Drive(Held.VOLTAGE, 4.6, 1e-3, 4.6),
        Drive(Held.VOLTAGE, 4.2, 0.02, 4.2),
        Drive(Held.CURRENT, 1e-3, 1e-4, 1e-3),
        Drive(Held.CURRENT, float("nan"), 1.0, 1e-3),
        Drive(Held.CURRENT, 2e-3, 1.0, 1e-3),
        Drive(Held.VOLTAGE, 4.2, 0.0, 4.2),
    ):
        with pytest.raises(CannotRun):
            reach.ranges(drive)


def test_voltage_and_current_must_be_possible_together() -> None:
    """A 2460 gives 7 A, but not with a limit of 15 V (section 2.2)."""
    reach = unit(SmuModel.KEITHLEY_2460, largest_current_a=7.0).reach
    assert reach.ranges(Drive(Held.CURRENT, 7.0, 9.0, 7.0)) == (7.0, 20.0)
    with pytest.raises(CannotRun, match="same time"):
        reach.ranges(Drive(Held.CURRENT, 7.0, 15.0, 7.0))


def test_no_range_changes_under_a_cell() -> None:
    """A level or a limit that needs another range or function is refused while the output is on."""
    plan = unit().reach.plan(Drive(Held.VOLTAGE, 1.5, 5e-4, 1.5), 0.25)
    assert changed(plan, Drive(Held.VOLTAGE, 2.05, 1e-3, 1.5)).drive.level == 2.05
    for drive in (
        Drive(Held.VOLTAGE, 2.2, 5e-4, 1.5),
        Drive(Held.VOLTAGE, 1.5, 2e-3, 1.5),
        Drive(Held.VOLTAGE, 1.5, 5e-7, 1.5),
        Drive(Held.CURRENT, 0.0, 1.5, 1.5),
    ):
        with pytest.raises(CannotRun, match="ranges never change"):
            changed(plan, drive)


def test_integration_holds_the_interval() -> None:
    """Autozero and whole cycles where there is time for them, less where not, and a refusal where nothing fits."""
    reach = unit().reach
    slow, fast = reach.integration(0.25), reach.integration(0.05)
    assert (slow.nplc, slow.autozero) == (1.0, True)
    assert (fast.nplc, fast.autozero) == (0.1, False)
    for interval_s, found in ((0.25, slow), (0.05, fast)):
        assert found.reading_s <= 0.7 * interval_s
    with pytest.raises(CannotRun, match="the fastest here"):
        reach.integration(0.01)
    assert reach.integration(reach.fastest_interval_s).nplc == 0.01


def test_a_serial_line_is_slower() -> None:
    """At 9600 baud the way of a line counts: 74 ms for the reading of a 2400 alone (section 12)."""
    slow = unit(resource="ASRL/dev/ttyUSB0::INSTR").reach.fastest_interval_s
    assert slow > unit().reach.fastest_interval_s + 0.1


def test_only_a_voltage_inside_the_window_rides_on() -> None:
    """A held voltage ends as a hold, no current as nothing; a held current flows on, and nobody knows how far."""
    settings = unit(voltage_low_v=-1.0, voltage_high_v=4.5)
    assert settings.host_loss_of(Drive(Held.VOLTAGE, 4.2, 1e-3, 4.2)) is HostLoss.RIDES_ON
    assert settings.host_loss_of(Drive(Held.VOLTAGE, 4.6, 1e-3, 4.6)) is HostLoss.UNKNOWN
    assert settings.host_loss_of(Drive(Held.CURRENT, 0.0, 5.0, 0.0)) is HostLoss.RIDES_ON
    assert settings.host_loss_of(Drive(Held.CURRENT, 1e-3, 1.0, 1e-3)) is HostLoss.UNKNOWN
    # In the range of a current that flowed, zero is that range's offset: 200 nA of 1 mA (section 3).
    assert settings.host_loss_of(Drive(Held.CURRENT, 0.0, 1.0, 1e-3)) is HostLoss.UNKNOWN

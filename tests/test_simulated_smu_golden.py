"""The exchanges of the reference smu-and-ovens, section 17, byte for byte."""

from __future__ import annotations

from dataclasses import replace

from tests.smu_talk import EXACT, Battery, Talk

_DRAWN = replace(EXACT, fixed_errors={("limit", "CURR"): (0.0, 2e-8), ("source", "VOLT"): (0.0, 3e-4)})
"""The errors of the unit of the exchange: 20 nA more than its limit, 0.3 mV more than its level."""


def _cell_at(voltage_v: float, current_a: float) -> Battery:
    """Return a cell that shows a voltage at a current."""
    return Battery(voltage_v - 500.0 * current_a, 500.0)


def test_2400_answers_as_in_the_reference() -> None:
    """Settings in one line, readings in and out of compliance with their status words, +803 with the output off."""
    cell = _cell_at(3.3121, -1.5702e-4)
    talk = Talk("keithley-2400", cell, _DRAWN)
    talk.tell(
        "*RST;*CLS",
        ":SYST:RSEN ON;:OUTP:SMOD HIMP;:FORM:ELEM VOLT,CURR,TIME,STAT;:SENS:RES:MODE MAN",
        ':SENS:FUNC:OFF:ALL;:SENS:FUNC:CONC ON;:SENS:FUNC "VOLT","CURR"',
        ":SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 2.8;:SENS:CURR:RANG:AUTO OFF",
        ":SENS:CURR:PROT 1.57E-4;:SENS:CURR:RANG 1E-3",
    )
    settings = talk.ask(":SENS:CURR:PROT?;:SOUR:VOLT?;:OUTP:SMOD?;:SYST:ERR?")
    assert settings == '1.570000E-04;2.800000E+00;HIMP;0,"No error"'
    in_compliance = talk.ask(":OUTP ON;:READ?", ends_at_s=123.456)
    assert in_compliance == "+3.312100E+00,-1.570200E-04,+1.234560E+02,+4.216844E+06"
    talk.unit.stage.touch(lambda leads: leads.swap(_cell_at(2.8003, -1.2011e-4)))
    held = talk.ask(":READ?", ends_at_s=7654.321)
    assert held == "+2.800300E+00,-1.201100E-04,+7.654321E+03,+4.216836E+06"
    assert talk.ask(":OUTP OFF;:READ?") is None
    assert talk.ask(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'


def test_2450_answers_as_in_the_reference() -> None:
    """Readings without a plus, from a named buffer, with the time since its first one; the limit has tripped."""
    limit = {("limit", "CURR"): (0.0, 2.13e-8)}
    quirks = replace(EXACT, quantise_readings=False, fixed_errors=limit)
    talk = Talk("keithley-2450", _cell_at(3.312087, -1.570213e-4), quirks)
    talk.tell(
        "*RST",
        ':SOUR:FUNC VOLT;:OUTP:SMOD HIMP;:SENS:FUNC "CURR";:SENS:CURR:RSEN ON;:SENS:CURR:RANG 1E-3',
        ":SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:RANG 20;:SOUR:VOLT 2.8;:SOUR:VOLT:ILIM 1.57E-4;:OUTP ON",
    )
    talk.ask(':READ? "defbuffer1", REL', ends_at_s=5.0)
    reading = talk.ask(':READ? "defbuffer1", READ, SOUR, REL', ends_at_s=6.204517)
    assert reading == "-1.570213E-04,3.312087E+00,1.204517E+00"
    assert talk.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"


def test_b2901a_answers_as_in_the_reference() -> None:
    """A spot measurement of both functions with compliance in its status, though READ's automatic output is off."""
    talk = Talk("keysight-b2901a", _cell_at(3.3121, -1.5702e-4), _DRAWN)
    talk.tell(
        "*RST",
        ":OUTP:ON:AUTO OFF;:OUTP:OFF:MODE HIZ;:OUTP:PROT OFF;:SENS:REM ON;:FORM:ELEM:SENS VOLT,CURR,STAT",
        ':SOUR:FUNC:MODE VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 2.8;:SENS:CURR:PROT 1.57E-4;:SENS:FUNC "VOLT","CURR"',
    )
    assert talk.ask(":OUTP ON;:MEAS?") == "+3.312100E+00,-1.570200E-04,+2.000000E+00"

"""The models that can be simulated: the tables of the reference smu-and-ovens, section 2.

What the reference does not give for a range is taken from the nearest one that it gives.
"""

from __future__ import annotations

from simulators.smu.ranges import Accuracy, Model, Range

_KEITHLEY = "KEITHLEY INSTRUMENTS INC.,MODEL"


def _range(full: float, source: tuple[float, float, float], measure: tuple[float, float, float]) -> Range:
    """Make a range of resolution, percent of the value and offset, of source and measurement."""
    accuracies = [Accuracy(resolution, percent / 100.0, offset) for resolution, percent, offset in (source, measure)]
    return Range(full, accuracies[0], accuracies[1])


KEITHLEY_2400 = Model(
    name="keithley-2400",
    identity=f"{_KEITHLEY} 2400,{{serial}},C34 Jan 31 2014 15:06:30/A02  /S/K",
    voltages=(
        _range(0.2, (5e-6, 0.02, 600e-6), (1e-6, 0.012, 300e-6)),
        _range(2.0, (50e-6, 0.02, 600e-6), (10e-6, 0.012, 300e-6)),
        _range(20.0, (500e-6, 0.02, 2.4e-3), (100e-6, 0.015, 1.5e-3)),
        _range(200.0, (5e-3, 0.02, 24e-3), (1e-3, 0.015, 10e-3)),
    ),
    currents=(
        _range(1e-6, (50e-12, 0.035, 600e-12), (10e-12, 0.029, 300e-12)),
        _range(10e-6, (500e-12, 0.033, 2e-9), (100e-12, 0.027, 700e-12)),
        _range(100e-6, (5e-9, 0.031, 20e-9), (1e-9, 0.025, 6e-9)),
        _range(1e-3, (50e-9, 0.034, 200e-9), (10e-9, 0.027, 60e-9)),
        _range(10e-3, (500e-9, 0.045, 2e-6), (100e-9, 0.035, 600e-9)),
        _range(0.1, (5e-6, 0.066, 20e-6), (1e-6, 0.055, 6e-6)),
        _range(1.0, (50e-6, 0.27, 900e-6), (10e-6, 0.22, 570e-6)),
    ),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    over_voltages_v=(20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0),
    reset_limits=(105e-6, 21.0),
    overshoot_v=0.1,
)


_2450_VOLTAGES = (
    _range(0.02, (500e-9, 0.02, 300e-6), (10e-9, 0.012, 300e-6)),
    _range(0.2, (5e-6, 0.02, 300e-6), (100e-9, 0.012, 300e-6)),
    _range(2.0, (50e-6, 0.02, 300e-6), (1e-6, 0.012, 300e-6)),
    _range(20.0, (500e-6, 0.015, 2.4e-3), (10e-6, 0.015, 1e-3)),
    _range(200.0, (5e-3, 0.015, 24e-3), (100e-6, 0.015, 10e-3)),
)


def _2450_current(full: float) -> Range:
    """Make a current range after that of 1 mA: 0.020 % and 150 ppm of range sourced, 60 ppm measured."""
    return _range(full, (5e-5 * full, 0.02, 1.5e-4 * full), (1e-6 * full, 0.02, 6e-5 * full))


KEITHLEY_2450 = Model(
    name="keithley-2450",
    identity=f"{_KEITHLEY} 2450,{{serial}},1.0.0i",
    voltages=_2450_VOLTAGES,
    currents=tuple(_2450_current(full) for full in (10e-9, 100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 0.1, 1.0)),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    over_voltages_v=(2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0),
    reset_limits=(105e-6, 21.0),
    overshoot_v=0.25,
)


KEITHLEY_2460 = Model(
    name="keithley-2460",
    identity=f"{_KEITHLEY} 2460,{{serial}},1.0.0i",
    voltages=(*_2450_VOLTAGES[1:4], _range(100.0, (5e-3, 0.015, 24e-3), (100e-6, 0.015, 10e-3))),
    currents=tuple(_2450_current(full) for full in (1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 0.1, 1.0, 4.0, 7.0)),
    envelope=((10.5, 7.35), (21.0, 4.2), (105.0, 1.05)),
    over_voltages_v=(2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0),
    reset_limits=(105e-6, 21.0),
    overshoot_v=0.25,
)


def _b2901a_current(full: float) -> Range:
    """Make a current range after those of 1 uA to 100 mA: 0.02 % and 200 ppm of range."""
    return _range(full, (1e-6 * full, 0.02, 2e-4 * full), (1e-6 * full, 0.02, 2e-4 * full))


KEYSIGHT_B2901A = Model(
    name="keysight-b2901a",
    identity="Agilent Technologies,B2901A,{serial},2.0.1225.1700",
    voltages=(
        _range(0.2, (2e-7, 0.015, 225e-6), (1e-7, 0.015, 225e-6)),
        _range(2.0, (2e-6, 0.02, 350e-6), (1e-6, 0.02, 350e-6)),
        _range(20.0, (2e-5, 0.015, 5e-3), (1e-5, 0.015, 5e-3)),
        _range(200.0, (2e-4, 0.015, 50e-3), (1e-4, 0.015, 50e-3)),
    ),
    currents=tuple(_b2901a_current(full) for full in (100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 0.1, 1.0, 1.5, 3.0)),
    envelope=((6.0, 3.03), (21.0, 1.515), (210.0, 0.105)),
    over_voltages_v=(),
    reset_limits=(100e-6, 2.0),
    overshoot_v=0.25,
    most_read=1.06,
)

MODELS = {model.name: model for model in (KEITHLEY_2400, KEITHLEY_2450, KEITHLEY_2460, KEYSIGHT_B2901A)}
"""Every model by its name."""

#!/bin/sh
# unicycler leaves a voltage end of 0 V out of a PyBaMM experiment, and an upper current limit of 0 mA out of Neware XML.
#
# Tried: aurora-unicycler 0.4.6, Python 3.11, on 2026-11-28.
#
# Expected: an end or a limit of 0 is written as one of any other value, or refused.
# Seen: a discharge for an hour or until 0 V becomes "Discharge at 0.1 mA for 1 hour"; until -0.5 V and until 0.5 V are
# kept. The Neware XML of the same step has its Stop_Volt of 0, so that the simulated step and the real one end at
# different places. An upper current limit of 0 mA, with which a cell may only be discharged, is no element of the XML,
# while the lower one and a voltage limit of 0 V are there. No error, no warning. Also seen: a current of 0.4 nA is
# written as Curr 0.000000.
# Whom it meets: who writes programs for Li/Li cells, whose voltage is around 0, or guards a cell that must not be charged.
# What to do: give 0.001 V or 0.000001 mA in place of 0, and read the file before it goes to a channel.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install 'aurora-unicycler==0.4.6' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import sys
import warnings
from xml.etree import ElementTree

from aurora_unicycler import ConstantCurrent, CyclingProtocol

warnings.simplefilter("error")


def protocol(end_v: float, most_ma: float, current_ma: float = -0.1) -> CyclingProtocol:
    """Give one step with a time and a voltage end, and limits of the whole test."""
    return CyclingProtocol(
        sample={"name": "li-li", "capacity_mAh": 1.0},
        record={"time_s": 1},
        safety={"min_voltage_V": 0.0, "max_voltage_V": 4.2, "min_current_mA": -1.0, "max_current_mA": most_ma},
        method=[ConstantCurrent(current_mA=current_ma, until_time_s=3600, until_voltage_V=end_v)],
    )


def values(one: CyclingProtocol) -> dict[str, float | None]:
    """Give the limits and the voltage end of the XML; None where there is none."""
    root = ElementTree.fromstring(one.to_neware_xml())
    places = {name: f".//Protect/Main/{name}" for name in ("Curr/Upper", "Curr/Lower", "Volt/Lower")}
    places |= {"Stop_Volt": ".//Step1//Stop_Volt", "Curr": ".//Step1//Limit/Main/Curr"}
    found = {name: root.find(place) for name, place in places.items()}
    return {name: None if it is None else float(it.get("Value")) for name, it in found.items()}


texts = {end_v: protocol(end_v, 1.0).to_pybamm_experiment()[0] for end_v in (0.5, 0.0, -0.5)}
for end_v, text in texts.items():
    print(f"end {end_v} V in PyBaMM: {text}")
limits = {most_ma: values(protocol(0.0, most_ma)) for most_ma in (1.0, 0.0)}
for most_ma, found in limits.items():
    print(f"upper limit {most_ma} mA in Neware XML: {found}")
smallest = values(protocol(-0.5, 1.0, -4e-7))["Curr"]
print(f"0.4 nA in Neware XML: Curr {smallest}")
still = ["until" in text for text in texts.values()] == [True, False, True]
still = still and limits[1.0]["Curr/Upper"] == 1.0 and limits[0.0]["Curr/Upper"] is None
still = still and all(it["Curr/Lower"] == -1.0 and it["Volt/Lower"] == it["Stop_Volt"] == 0.0 for it in limits.values())
sys.exit(0 if still and smallest == 0.0 else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: unicycler leaves a voltage end and a current limit of 0 out"

"""Reads a protocol of unicycler, and prints its steps as it has them and as Neware's step file and PyBaMM get them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import aurora_unicycler as unicycler  # type: ignore[import-not-found]  # only in an environment of its own

protocol = unicycler.CyclingProtocol.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
told = {
    "method": [step.model_dump(mode="json", exclude_none=True) for step in protocol.method],
    "neware": protocol.to_neware_xml(),
    "pybamm": protocol.to_pybamm_experiment(),
}
sys.stdout.write(json.dumps(told) + "\n")

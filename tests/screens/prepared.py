"""A rig with runs in every state that a simulated rack comes to in some seconds, for pictures of its pages."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass

from tests.rack_screen import TRIPS, Screen
from tests.terminal_rack import LFP, LI_LI
from tests.two_cycles import RECIPE

# 64 signs without a blank, as a label may be.
LONGEST = "lot7-2026-11-28-batch-3-separator-25um-electrolyte-1M-LiTFSI-064"
# What a person or a program may write: nothing of it may run, or turn what stands beside it.
HOSTILE = "<img src=x onerror=alert(1)>\"';--\u202etxt.exe\u200f&lt;"
PASTED = """\
recipe	cell	channel	label
li-li-0.2	coated-li-li	21-1-8	lot9-01
lfp-200mA-g	coated-li-li	21-1-8	lot9-02
li-li-9	coated-li-li	21-1-6	lot9-03
"""

# Two versions of a recipe that is written on the rig.
_MINE = [RECIPE.replace("name: two-cycles", f"name: mine{comment}") for comment in ("", "  # the second one")]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The runs by what became of them."""

    screen: Screen
    tripped: str
    completed: str
    held: str
    running: str
    stopped: str
    measured: str
    second: str


def prepare(screen: Screen) -> Prepared:
    """Start the runs, and wait until each is in its state."""
    tripped = screen.start("21-1-1", "lot7-01", recipe_yaml=TRIPS)
    completed = screen.start("21-1-2", "LFP-2026-11-batch-3-cell-04", recipe_yaml=LFP, cell="coated-lfp")
    second = screen.start("21-1-3", "A17 对称电池", recipe_yaml=LI_LI)
    measured = screen.start("21-1-7", "lot7-07", recipe="li-li-eis")
    running = screen.start("21-1-4", "lot7-04")
    held = screen.start("21-1-5", LONGEST)
    stopped = screen.start("21-1-6", HOSTILE)
    for channel in ("21-1-4", "21-1-5", "21-1-6"):
        screen.until(channel, "running")
    with screen.program as program:
        for run, act in ((held, "hold"), (stopped, "stop")):
            program.post(f"/api/v1/runs/{run}/{act}", json={"by": "ada"}).raise_for_status()
        for text in ("Cell pressed in again after the weekend.", HOSTILE):
            program.post(f"/api/v1/runs/{running}/notes", json={"by": "ada", "text": text}).raise_for_status()
        for version, text in enumerate(_MINE):
            order = {"text": text, "base_version": version, "by": "ada"}
            program.post("/api/v1/recipes/mine", json=order).raise_for_status()
    for channel in ("21-1-2", "21-1-3"):
        screen.until(channel, "completed")
    queued = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-4", "label": "lot7-40", "queue": True}
    with screen.program as program:
        program.post("/api/v1/runs", json={**queued, "by": "ada"}).raise_for_status()
        # What makes pictures is started by the first of them.
        program.get(f"/api/v1/picture?runs={completed}&x=cycle").raise_for_status()
    # Records of some cycles.
    time.sleep(4.0)
    return Prepared(screen, tripped, completed, held, running, stopped, measured, second)


def admin(screen: Screen) -> Screen:
    """Add an admin, whom the page People is for, and people with long and short names."""
    for name, role in (("admin", "admin"), ("bo", "viewer"), ("wilhelmina.featherstonehaugh-cholmondeley", "operator")):
        with contextlib.suppress(AssertionError):
            told = json.loads(screen.bench.done("people", "add", name, "--role", role, "--json"))
            screen.passwords[name] = told["password"]
    return screen

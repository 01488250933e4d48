"""Failpoints: each stands in the code once, dies when it is asked to, and costs nothing otherwise."""

import os
import re
import signal
import subprocess
import sys
import time
import timeit
from pathlib import Path

import pytest

from orchestrator.failpoints import FAILPOINTS, VARIABLE, arm, failpoint

ROOT = Path(__file__).resolve().parent.parent
CALL = re.compile(r'\bfailpoint\("([^"]*)"\)')


def test_every_failpoint_stands_in_the_code_once() -> None:
    """The table and the code name the same points, none twice."""
    sources = (path.read_text("utf-8") for path in sorted((ROOT / "orchestrator").rglob("*.py")))
    assert sorted(name for source in sources for name in CALL.findall(source)) == sorted(FAILPOINTS)


def test_process_dies_when_it_passes_the_point_for_the_given_time() -> None:
    """The third passing is the last; nothing is cleaned up, as in a power cut."""
    code = (
        "from orchestrator.failpoints import failpoint\n"
        "for n in range(9):\n print(n, flush=True); failpoint('stop intended'); failpoint('start intended')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {VARIABLE: "start intended:3"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["0", "1", "2"]
    assert done.returncode == (-signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


@pytest.mark.parametrize("text", ["nowhere:1", "start intended", "start intended:0", "start intended:x"])
def test_point_that_does_not_exist_is_refused(text: str) -> None:
    """A misspelled name would test nothing."""
    with pytest.raises(ValueError, match="start intended, start confirmed"):
        arm(text)


def test_point_costs_next_to_nothing() -> None:
    """A point that is not armed takes well under a microsecond."""
    assert min(timeit.repeat(lambda: failpoint("start intended"), timer=time.thread_time, number=1000, repeat=5)) < 1e-3

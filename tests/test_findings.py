"""Findings have their form; what they claim is run by hand, not here: what others release may not turn us red."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_finding_has_its_form(script: Path) -> None:
    """Its head says what was tried, expected, seen, whom it meets, what to do; it cleans up and pins."""
    text = script.read_text("utf-8")
    heads = re.findall(r"^# (Tried|Expected|Seen|Whom it meets|What to do): ", text, re.MULTILINE)
    assert heads == ["Tried", "Expected", "Seen", "Whom it meets", "What to do"]
    assert "trap 'rm -rf \"$folder\"' EXIT" in text
    installed = re.findall(r"'([\w-]+)(==[\w.]+)?'", text.partition("<<'PYTHON'")[0].partition(" install ")[2])
    assert installed
    assert [name for name, pin in installed if not pin] == []
    assert not re.search(r"\b(?:import|from) (?:orchestrator|drivers|protocols|simulators)\b|cellrig==", text)
    subprocess.run(["sh", "-n", str(script)], check=True)
    compile(text.partition("<<'PYTHON'\n")[2].partition("\nPYTHON\n")[0], script.name, "exec")


def test_every_finding_is_in_the_list() -> None:
    """The folder's page lists the scripts that are there, and no others."""
    listed = re.findall(r"^\| `([\w-]+\.sh)` \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == [script.name for script in SCRIPTS]

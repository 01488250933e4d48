"""The page of faults tells the truth: every file it names is there and speaks of the fault."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:4] for line in PAGE.splitlines() if re.match(r"\| [A-I]\d\d", line)]
# What the issues of the service and of the potentiostat ask for.
ASKED = {
    "A": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14),
    "B": (1, 2, 3, 4, 5, 6, 7, 9, 10, 13),
    "E": (1, 2, 6, 7, 8, 9, 11),
    "F": (1, 2, 3, 4, 6),
    "G": (1, 2, 3, 4),
}
FAULTS = [f"{letter}{number:02}" for letter, numbers in ASKED.items() for number in numbers]


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip()[:20] for row in ROWS])
def test_named_files_exist(row: list[str]) -> None:
    """A fault is shown by tests that are there."""
    files = re.findall(r"`(test_\w+\.py)`", row[2])
    assert files
    for name in files:
        assert (ROOT / "tests" / name).exists(), name


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_by_a_test(fault: str) -> None:
    """Somewhere among the tests a sentence says that it injects this fault."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("**/*.py") if path != Path(__file__)]
    pattern = re.compile(rf"\b{fault}\b|{fault[0]}(\d\d)-{fault[0]}(\d\d)")
    number = int(fault[1:])
    found = [m for text in texts for m in pattern.finditer(text)]
    assert any(m.group(1) is None or int(m.group(1)) <= number <= int(m.group(2)) for m in found), fault

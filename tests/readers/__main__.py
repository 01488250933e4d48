"""Makes the environments of the readers, those that are not there yet, and runs the tests that need them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.readers import FOLDER, READERS, python_of

_PLACE = Path(".readers")


def main() -> int:
    """Return the exit status of the tests."""
    os.environ[FOLDER] = str(_PLACE.resolve())
    for name, (package, first, below) in READERS.items():
        if python_of(name) is None:
            _make(name, package, first, below)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/test_export_readers.py",
        "tests/test_import_readers.py",
        "tests/test_exchange_readers.py",
        *sys.argv[1:],
    ]
    return subprocess.run(command, check=False).returncode


def _make(name: str, package: str, first: tuple[int, int], below: tuple[int, int]) -> None:
    """Make an environment with a Python that its reader runs on; without one it is left out, which is told."""
    found = sys.executable if first <= sys.version_info[:2] < below else _other_python(first, below)
    if found is None:
        sys.stderr.write(
            f"{name} needs Python {first[0]}.{first[1]} or another below {below[0]}.{below[1]}: left out\n"
        )
        return
    sys.stderr.write(f"making the environment of {name}\n")
    subprocess.run([found, "-m", "venv", str(_PLACE / name)], check=True)
    python = python_of(name)
    assert python is not None
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)


def _other_python(first: tuple[int, int], below: tuple[int, int]) -> str | None:
    """Return the first Python of a range that runs: pyenv has a name for each version, and refuses some."""
    names = (shutil.which(f"python{first[0]}.{minor}") for minor in range(first[1], below[1]))
    return next((path for path in names if path is not None and _runs(path)), None)


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())

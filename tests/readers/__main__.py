"""Makes the environments of the readers, those that are not there yet, and runs the tests that need them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.readers import FOLDER, READERS, python_of

_PLACE = Path(".readers")


def main() -> int:
    """Return the exit status of the tests."""
    os.environ[FOLDER] = str(_PLACE.resolve())
    for name, packages in READERS.items():
        if python_of(name) is None:
            sys.stderr.write(f"making the environment of {name}\n")
            venv.create(_PLACE / name, with_pip=True)
            python = python_of(name)
            assert python is not None
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    command = [sys.executable, "-m", "pytest", "tests/test_export_readers.py", *sys.argv[1:]]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

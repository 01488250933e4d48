"""The command line as a script calls it: exit status, what it prints, what it says on stderr."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from orchestrator.cli import main

PROGRAM = (sys.executable, "-c", "from orchestrator.cli import main; main()")


def cellrig_process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real program in a process of its own."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def cellrig(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program's ``main`` in this process, which spares its imports; an error of ours is raised, not shown."""
    command = ["cellrig", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    # The arguments of a process cannot be given to ``main`` but in ``sys.argv``.
    with (
        patch.object(sys, "argv", command),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    assert isinstance(status, int)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def refused(result: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """Assert an exit status, words on stderr, and that no trace is shown."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    # Lines are folded at blanks, where the length of a path decides.
    said = " ".join(result.stderr.split())
    for word in words:
        assert word in said or word in result.stderr

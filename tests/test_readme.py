"""The README's commands run as they stand there, and its words match the program."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def environment() -> dict[str, str]:
    """Give an environment whose path begins with the programs of this Python's environment."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def test_first_block_is_the_two_commands_and_make_knows_both() -> None:
    """``make test`` is what runs this test; that ``make demo`` leads to the demo is read from make itself."""
    assert BLOCKS[0].split("\n")[:2] == ["make demo", "make test"]
    shown = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("cellrig demo")
    shown = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pytest" in shown


def test_every_other_block_runs_in_an_empty_folder(tmp_path: Path) -> None:
    """A technician's first commands, in order; a server among them is ended by Ctrl-C."""
    for block in BLOCKS[1:]:
        for line in block.strip().splitlines():
            words = line.split()
            program = shutil.which(words[0], path=environment()["PATH"])
            assert program is not None, line
            if words[1] == "simulate":
                _serves(program, words[1:], tmp_path)
                continue
            result = subprocess.run(
                [program, *words[1:]], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
            )
            assert result.returncode == 0, (line, result.stderr)
            assert result.stdout, line


def _serves(program: str, arguments: list[str], folder: Path) -> None:
    with subprocess.Popen([program, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert re.fullmatch(r"127\.0\.0\.1:\d+\n", server.stdout.readline())
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0


def test_windows_lines_are_those_of_the_makefile() -> None:
    """The same lock, the same options and the same program as ``make demo``."""
    (block,) = re.findall(r"```bat\n(.*?)```", README, re.DOTALL)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for piece in ("--require-hashes -r", "--no-deps --no-build-isolation --editable ."):
        assert piece in block
        assert piece in makefile

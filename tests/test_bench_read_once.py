"""A bench file is read once by each command, at the command line's edge; all that follows is handed the settings."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from tests.reads import reads, watch

ROOT = Path(__file__).parent.parent
EXAMPLE = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "bench.md").read_text(encoding="utf-8"), re.DOTALL)[0]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Path]:
    """Give a watched bench file: its tester refuses connections, and its service may not answer where it is told to."""
    (tmp_path / "steps").mkdir()
    text = EXAMPLE.replace("192.168.1.50", "127.0.0.1").replace("port = 502", "port = 1")
    text = text.replace("/srv/step-files", (tmp_path / "steps").as_posix())
    text += f'\n[potentiostat]\nprogram = "{(tmp_path / "chi.exe").as_posix()}"\njobs = "{tmp_path.as_posix()}/jobs"\n'
    text += '[service]\nhost = "0.0.0.0"\n'
    file = tmp_path / "bench.toml"
    file.write_text(text, encoding="utf-8")
    watch(str(file))
    yield file
    watch()


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("recipe check li-li-0.2 --cell bare-li-li --channel 21-1-3", "can run with bare-li-li on 21-1-3"),
        ("run li-li-0.2 --cell bare-li-li --channel 21-1-3 --store STORE", "nobody answers at 127.0.0.1:1"),
        ("bench check", "there is no program"),
        ("stop --direct --channel 21-1-3 --store STORE", "nobody answers at 127.0.0.1:1"),
    ],
    ids=["recipe check", "run", "bench check", "stop --direct"],
)
def test_command_reads_its_bench_file_once(bench: Path, command: str, ends: str) -> None:
    """Between two reads a file may change: checks and currents must come from the same settings."""
    words = command.replace("STORE", str(bench.with_name("lab.db"))).split()
    result = CliRunner().invoke(app, [*words, "--bench", str(bench)])
    assert ends in f"{result.output} {result.exception}"
    assert reads() == [str(bench)]


def test_service_reads_its_bench_file_once(bench: Path) -> None:
    """Up to the address that it refuses to serve without TLS, in a process of its own."""
    words = ["cellrig", "serve", "--store", str(bench.with_name("lab.db")), "--bench", str(bench)]
    script = (
        "import sys\nfrom orchestrator.cli import main\nfrom tests.reads import reads, watch\n"
        f"watch({str(bench)!r})\nsys.argv = {words!r}\n"
        "try:\n    main()\nfinally:\n    print(len(reads()))\n"
    )
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert "needs tls_certificate" in ran.stderr
    assert ran.stdout.split() == ["1"]

"""The potentiostat's page: every setting is on it, and its bench file can be loaded."""

import re
from pathlib import Path

import pytest

from drivers.chi660e.settings import Chi660eSettings
from orchestrator.bench.settings import load_bench

PAGE = (Path(__file__).parent.parent / "docs" / "potentiostat.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", sorted(set(Chi660eSettings.model_fields) - {"kind"}))
def test_every_setting_is_on_the_page(field: str) -> None:
    """Nobody has to read code to set up an instrument."""
    assert f"`{field}`" in PAGE or f"\n{field} =" in PAGE


def test_bench_file_of_the_page_loads(tmp_path: Path) -> None:
    """With a tester before it, and paths of this system in place of Windows'."""
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    block = block.replace(r"'C:\CHI\chi660e.exe'", "'/opt/chi660e'").replace(r"'C:\chi_jobs'", "'/srv/chi_jobs'")
    tester = (
        '[[tester]]\nstep_files = "/srv"\nstep_files_on_bts_pc = "Z:"\n[[tester.units]]\ndevid = 21\nsubdevid = 1\n'
    )
    path = tmp_path / "bench.toml"
    path.write_text(tester + block, encoding="utf-8")
    bench = load_bench(path)
    assert bench.potentiostat is not None
    assert bench.multiplexer is not None

"""The page for who adds a tester: its code is the toy's own, its package is installed and its test is run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from drivers.interfaces import BatteryTester, BatteryTesterTraits
from drivers.testing import CASES
from orchestrator.bench.kinds import offered_kinds
from orchestrator.bench.settings import load_bench
from tests.packages import install

ROOT = Path(__file__).parent.parent
TOY = ROOT / "tests" / "toy_tester.py"
PAGE = (ROOT / "docs" / "add-an-instrument.md").read_text(encoding="utf-8")
*QUOTED, CONTRACT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PACKAGE, BENCH = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Install the page's package: the toy as a module of its own, and the entry points that the page declares."""
    project = tomllib.loads(PACKAGE)["project"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    shutil.copy(TOY, tmp_path / "toy_tester.py")
    return install(tmp_path, project["name"], points)


@pytest.mark.parametrize("block", QUOTED)
def test_code_of_the_page_is_the_toys(block: str) -> None:
    """What is quoted stands so in the file, word for word."""
    assert block in TOY.read_text(encoding="utf-8")


def test_bench_of_the_page_finds_the_installed_package(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind comes from the page's own entry point."""
    monkeypatch.syspath_prepend(str(site))
    file = site / "bench.toml"
    file.write_text(BENCH, encoding="utf-8")
    assert load_bench(file).tester_of("A1").channel_names() == ("left", "A1")
    assert ("toy", "cellrig-toy 1.0", "") in [(kind.name, kind.package, kind.problem) for kind in offered_kinds()]
    sys.modules.pop("toy_tester")


def test_contract_of_the_page_runs_and_passes(site: Path) -> None:
    """The test that the page shows is run as it stands, by a pytest that knows nothing of ours."""
    (site / "test_contract.py").write_text(CONTRACT, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_contract.py"]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=site, env=alone, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert f"{len(CASES)} passed" in ran.stdout


@pytest.mark.parametrize("trait", [field.name for field in fields(BatteryTesterTraits)])
def test_every_trait_is_documented(trait: str) -> None:
    """A trait that nobody can find keeps its default."""
    assert f"| `{trait}` |" in PAGE


@pytest.mark.parametrize("method", [name for name in vars(BatteryTester) if not name.startswith("_")])
def test_every_method_is_documented(method: str) -> None:
    """Nobody has to find out from an error what is missing."""
    assert f"`{method}`" in PAGE


def test_cases_need_no_test_framework() -> None:
    """A laboratory's own check may import them without pytest."""
    script = "import sys, drivers.testing\nassert not {'pytest', '_pytest', 'hypothesis'} & set(sys.modules)\n"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=ROOT)

"""What is installed and what is shipped: extras, packages of the same name, the source archive."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from orchestrator.cli.extras import EXTRAS
from orchestrator.cli.neighbours import foreign_package

ROOT = Path(__file__).resolve().parent.parent
# Two half-cycles between two spectra: enough for a watch that compares.
RECIPE = """
name: short-eis
title: Two spectra of a Li/Li cell with a cycle between them
for: [li-li]
record: {every: 30 s}
potentiostat: {rest: 10 min, drift_per_min: 1 mV}
steps:
  - {step: eis, high: 100 kHz, low: 1 Hz, amplitude: 10 mV}
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: 0.5 V}}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: -0.5 V}}
  - {step: eis, high: 100 kHz, low: 1 Hz, amplitude: 10 mV}
"""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _cellrig(folder: Path, *arguments: str, without: tuple[str, ...] = (), path: str = "") -> tuple[int, str]:
    """Run the command line in a process of its own. Gives its exit status and what it wrote to stderr."""
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); sys.path[:0] = {[path] if path else []!r}; "
        "from orchestrator.cli import main; main()"
    )
    # Without ``env`` the program gets what C code has set too: readline, which pytest may import, sets COLUMNS.
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("name", ["protocols", "drivers", "simulators"])
def test_foreign_package_of_the_same_name_is_refused_before_it_is_imported(tmp_path: Path, name: str) -> None:
    """A stranger's package in front of ours ends the command with status 2 and a sentence; nothing of it runs."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise RuntimeError('a stranger runs')\n", "utf-8")
    status, said = _cellrig(tmp_path, "recipe", "list", path=str(tmp_path))
    assert status == 2
    assert said.startswith(f"cellrig: the package '{name}' beside cellrig should be {ROOT / name}")
    assert str(tmp_path / name) in said
    assert "a stranger runs" not in said


def test_package_that_is_missing_is_named(tmp_path: Path) -> None:
    """A package that Python finds nowhere is as bad as a foreign one; ours beside one another are right."""
    assert "Python finds nowhere" in foreign_package(("no_such_package",), tmp_path)
    assert foreign_package() == ""


@pytest.mark.parametrize(
    ("arguments", "without", "words"),
    [
        (("demo", "--out", "pictures"), "matplotlib", "is not installed; install it with: python -m pip install"),
        (
            ("export", "R000001", "--to", "csv"),
            "polars",
            "polars is not installed; install it with: python -m pip install",
        ),
        (("spectra", "R000001"), "matplotlib", "matplotlib is not installed; install it with: python -m pip install"),
        (("serve", "--simulate"), "uvicorn", "uvicorn is not installed; install it with: python -m pip install"),
    ],
)
def test_command_without_its_extra_says_what_to_install(
    tmp_path: Path, arguments: tuple[str, ...], without: str, words: str
) -> None:
    """Nothing is measured or served only to fail at its library: the command ends at once, with one sentence."""
    (extra,) = (extra for extra, names in EXTRAS.items() if without in names)
    status, said = _cellrig(tmp_path, *arguments, without=(without,))
    assert status == 2
    assert said.count("\n") == 1
    assert f"{words} '.[{extra}]'" in said
    assert list(tmp_path.iterdir()) == []


def test_run_with_spectra_needs_no_extra(tmp_path: Path) -> None:
    """The core measures, judges and stores, spectra and soft shorts included, with no library of an extra."""
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    arguments = ("run", "recipe.yaml", "--cell", "bare-li-li", "--channel", "21-1-1", "--simulate")
    status, said = _cellrig(tmp_path, *arguments, without=tuple(name for names in EXTRAS.values() for name in names))
    assert status == 0, said


# Libraries that Python imports by another name than they are installed by.
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "adbc-driver-sqlite": "adbc_driver_sqlite",
    "pyusb": "usb",
    "pyvisa-py": "pyvisa_py",
}


def test_extras_are_those_of_the_project() -> None:
    """What a command looks for before it begins is what its extra installs."""
    declared = {
        extra: {IMPORTED_AS.get(name := Requirement(text).name, name) for text in texts}
        for extra, texts in PROJECT["optional-dependencies"].items()
    }
    assert declared.pop("all") == {PROJECT["name"]}
    assert {extra: set(names) for extra, names in EXTRAS.items()} == declared
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert [extra for extra in declared if not re.search(rf"install '\.\[(.*,)?{extra}\]'", page)] == []
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert Requirement(everything).extras == set(declared)


# Of a program that only simulates or reads: what an extra brings, and what costs it memory and time for nothing.
HEAVY = {*(name for names in EXTRAS.values() for name in names), "pandas", "polars", "impedance"}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import cellrig", HEAVY | {"numpy", "pydantic", "httpx", "typer", "orchestrator", "protocols", "simulators"}),
        ("import simulators.__main__, simulators.bench", HEAVY | {"numpy", "pydantic", "typer"}),
        ("import simulators.chi660e.__main__", HEAVY | {"numpy", "pydantic", "asyncio", "typer"}),
        ("import orchestrator.cli.simulate, orchestrator.bench.serving", HEAVY),
        ("import cellrig; cellrig.Service, cellrig.simulate, cellrig.open_store, cellrig.forecast", HEAVY),
    ],
    ids=["import cellrig", "simulators", "chi660e-sim", "cellrig simulate", "every part of the interface"],
)
def test_simulators_and_the_interface_import_nothing_heavy(code: str, heavy: set[str]) -> None:
    """The simulators, their commands and ``import cellrig`` load no library of an extra, though all are installed."""
    script = f"{code}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) & heavy == set()


def test_wheel_has_every_package_that_the_contracts_hold_for() -> None:
    """What is checked is what is shipped: the wheel's packages are those of the import contracts, types included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    packages = project["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == project["importlinter"]["root_packages"]
    assert all((ROOT / package / "py.typed").is_file() for package in packages)


def test_pythons_that_the_project_names_are_those_it_installs_on() -> None:
    """The versions that the project says it was tried on are within those that it installs on."""
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert named[0] == "3.11"
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in named)


def test_source_archive_has_what_a_checkout_has(tmp_path: Path) -> None:
    """Whoever unpacks the archive can build, test and measure, and finds the rules of the house."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = ["Makefile", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "README.md", ".ci/run", "findings/README.md"]
    for folder in ("cellrig", "protocols", "drivers", "orchestrator", "simulators", "tests", "benchmarks", "docs"):
        wanted += [
            str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.*") if "__pycache__" not in path.parts
        ]
    assert [name for name in wanted if (ROOT / name).is_file() and name not in names] == []

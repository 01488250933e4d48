"""The shape of the tree: who may import whom, how long a file may be, and what is locked."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("cellrig", "protocols", "drivers", "orchestrator", "simulators")
LOCKS = ("requirements.lock", "requirements-test.lock")
FLOORS = "each room of the orchestrator imports only from the floors below it"
CIRCLES = "modules side by side import each other in no circle"
DOWN = "imports lead down: cellrig, orchestrator, drivers, protocols"
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


# Modules that import each other then, when run and for the type checker alone.
CIRCULAR = [
    ("protocols/recipe_fields.py", "import protocols.recipe"),
    ("drivers/sources.py", "if TYPE_CHECKING:\n    from drivers.stepping import SteppedTester"),
]
# Each of these modules, with an import that its rule forbids.
OFFENCES = [
    ("protocols/offender.py", "import drivers.errors", DOWN),
    ("drivers/offender.py", "import orchestrator", DOWN),
    ("orchestrator/cli/offender.py", "import cellrig", DOWN),
    ("cellrig/offender.py", "import simulators.cells", "only orchestrator.bench opens simulators"),
    ("simulators/offender.py", "import drivers.errors", "simulators import none of the others"),
    ("simulators/cells/offender.py", "import protocols.program", "simulators import none of the others"),
    ("drivers/neware/offender.py", "import simulators.cells", "protocols and drivers never see the simulators"),
    (
        "orchestrator/web/offender.py",
        "import drivers.neware.client",
        "web and feed import no driver",
    ),
    (
        "orchestrator/feed/offender.py",
        "import drivers.neware.client",
        "web and feed import no driver",
    ),
    ("orchestrator/web/offender.py", "import orchestrator.feed.plan", FLOORS),
    ("orchestrator/notices/offender.py", "import drivers.neware.client", "notices import no driver"),
    ("orchestrator/audit/offender.py", "import drivers.neware.client", "through the reader alone"),
    ("orchestrator/audit/offender.py", "import orchestrator.measuring.visit", FLOORS),
    ("orchestrator/cli/offender.py", "import simulators", "only orchestrator.bench opens simulators"),
    ("orchestrator/bench/offender.py", "import simulators", "only orchestrator.bench opens simulators"),
    ("orchestrator/clock/offender.py", "import orchestrator.judging.limits", FLOORS),
    ("orchestrator/judging/offender.py", "import orchestrator.store.rows", FLOORS),
    ("orchestrator/judging/offender.py", "import orchestrator.bench.settings", FLOORS),
    ("orchestrator/bench/offender.py", "import orchestrator.events", FLOORS),
    ("orchestrator/store/offender.py", "import orchestrator.runs.run", FLOORS),
    ("orchestrator/runs/offender.py", "import orchestrator.analysis.summary", FLOORS),
    ("orchestrator/analysis/offender.py", "import orchestrator.measuring.visit", FLOORS),
    ("orchestrator/measuring/offender.py", "import orchestrator.rack.supervisor", FLOORS),
    ("orchestrator/report/offender.py", "import orchestrator.measuring.visit", FLOORS),
    ("orchestrator/rack/offender.py", "import orchestrator.api.server", FLOORS),
    ("orchestrator/api/offender.py", "import orchestrator.demo", FLOORS),
    ("orchestrator/api/offender.py", "import orchestrator.cli.output", FLOORS),
    ("orchestrator/paper/offender.py", "import orchestrator.cli.output", FLOORS),
    ("orchestrator/demo.py", "import orchestrator.cli.output", FLOORS),
]


def _copied(folder: Path) -> Path:
    """Copy the packages, with the contracts that hold for them."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a copy of the packages with the contracts that hold for them."""
    return _copied(tmp_path)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Commit all offences in one tree, and give what the check says of each rule: to read the tree takes the time."""
    tree = _copied(tmp_path_factory.mktemp("offences"))
    for number, (module, offence) in enumerate([*((module, what) for module, what, _ in OFFENCES), *CIRCULAR]):
        file = tree / _place(number, module)
        before = file.read_text("utf-8") if file.exists() else '"""An offender."""\n'
        file.write_text(f"{before}\n{offence}\n", encoding="utf-8")
    result = _lint_imports(tree)
    assert result.returncode == 1
    sections = re.split(r"^(.+)\n-+\n", result.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2], strict=True))


def _place(number: int, module: str) -> str:
    """Give each offender a name of its own."""
    return module.replace("offender", f"offender_{number}_")


@pytest.mark.parametrize("number", range(len(OFFENCES)), ids=[f"{module}-{what}" for module, what, _ in OFFENCES])
def test_forbidden_import_is_named_and_fails(told: dict[str, str], number: int) -> None:
    """An import against the architecture fails the check, which says where it is and which rule it breaks."""
    module, _, rule = OFFENCES[number]
    (said,) = (words for name, words in told.items() if rule in name)
    assert _place(number, module).removesuffix(".py").replace("/", ".") in said


@pytest.mark.parametrize("module", [module for module, _ in CIRCULAR], ids=["when run", "for the type checker"])
def test_circle_is_named_and_fails(told: dict[str, str], module: str) -> None:
    """Two modules that import each other fail the check, also where only the type checker sees it."""
    assert f"No cycles are allowed in {module.partition('/')[0]}." in told[CIRCLES]


def test_new_room_must_be_given_a_floor(tree: Path) -> None:
    """A folder of the orchestrator that no floor names fails the check: where it stands is decided before it grows."""
    (tree / "orchestrator" / "annexe.py").write_text('"""A room that nobody has placed."""\n', "utf-8")
    result = _lint_imports(tree)
    assert result.returncode == 1
    assert "orchestrator.annexe" in result.stdout


def test_composition_root_may_open_simulators(tree: Path) -> None:
    """What opens the simulated bench imports simulators, and everything above it may import that."""
    (tree / "orchestrator" / "cli" / "runs.py").write_text(
        '"""A user."""\n\nimport orchestrator.bench.simulated\n', "utf-8"
    )
    result = _lint_imports(tree)
    assert "only orchestrator.bench opens simulators KEPT" in result.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_package_carries_its_types(package: str) -> None:
    """Type checkers of users see the annotations of every package."""
    assert (ROOT / package / "py.typed").is_file()


def test_files_are_short() -> None:
    """Every module can be read in one sitting."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in _modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    """Every function fits on a screen."""
    long = {}
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert long == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_meets_every_declared_requirement(lock: str) -> None:
    """A lock holds a version within the range of each dependency that pyproject.toml declares for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    declared = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    extras = project["project"]["optional-dependencies"]
    declared = declared + [needed for extra, several in extras.items() if extra != "all" for needed in several]
    if lock == "requirements-test.lock":
        declared = declared + project["dependency-groups"]["test"]
    text = (ROOT / lock).read_text("utf-8")
    locked = {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    }
    for requirement in map(Requirement, declared):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_tests_run_on_what_users_install() -> None:
    """Every version in the lock for users is the one in the lock for tests."""
    users, tests = (
        set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / lock).read_text("utf-8"), re.MULTILINE)) for lock in LOCKS
    )
    assert users - tests == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_file_by_hash(lock: str) -> None:
    """Nothing is installed that was not there when the lock was made."""
    entries = re.split(r"\n(?=[a-z])", (ROOT / lock).read_text("utf-8").partition("\n\n")[0])
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 10
    assert [entry.splitlines()[0] for entry in pinned if "--hash=sha256:" not in entry] == []


@pytest.mark.needs("git")
def test_tracked_files_name_no_machine() -> None:
    """No file holds the address of a package registry or a folder of the machine it was written on."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name] or [str(path.relative_to(ROOT)) for path in _modules()]
    # Written apart, so that this file is not its own offender.
    traces = ["/" + "root/", "/" + "home/", "/" + "work/main", "file:" + "///", "--index" + "-url h", "pypi" + ".org"]
    found = {}
    for path in (ROOT / name for name in names):
        if path.is_file() and path.suffix not in {".png", ".gz", ".zip"}:
            text = path.read_text("utf-8", errors="replace")
            if traces_here := [trace for trace in traces if trace in text]:
                found[str(path)] = traces_here
    assert found == {}


def test_waived_check_says_why() -> None:
    """Where a rule of the linter or of the type checker does not hold, its line gives the reason."""
    waiver = re.compile(r"# *(?:noqa: *[A-Z]+[0-9]+(?:, *[A-Z]+[0-9]+)*|type: *ignore(?:\[[a-z, -]+\])?)")
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for folder in (*PACKAGES, "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (at := waiver.search(line)) and not re.search("[A-Za-z]{2}", waiver.sub("", line[at.start() :]))
    ]
    assert found == []


def test_no_test_file_imports_from_a_test_file() -> None:
    """What several share stands in a module of its own: a test can be moved or deleted alone."""
    found = [
        f"{path.name} imports from {node.module}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.test_")
    ]
    assert found == []

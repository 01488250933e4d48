"""The mutator changes what decides and leaves the words; a mutant takes its module's place in the tests alone."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, TESTS, explained, main
from tests.mutants.mutations import mutants_of
from tests.mutants.trial import MutantLoader, prepare

_MODULE = '''"""A limit of 5 V."""

LIMIT_V: float = 5.0
NAMES: tuple[int | str, ...] = ()


def is_over(voltage_v: float, *, strict: bool = True) -> bool:
    """Say whether a voltage is over the limit of 5 V."""
    if not strict and voltage_v == LIMIT_V:
        raise ValueError(f"{voltage_v * 1e3} mV")
    return abs(voltage_v) > LIMIT_V
'''


def test_each_decision_is_changed_and_no_sentence(tmp_path: Path) -> None:
    """Constants, comparisons, conditions and statements; each mutant is one change, by a name that needs no line."""
    (tmp_path / "limit.py").write_text(_MODULE, "utf-8")
    mutants = mutants_of(tmp_path / "limit.py", tmp_path)
    assert "LIMIT_V: float = 10.0\n" in mutants[1].source()
    assert "LIMIT_V: float = 5.0\n" in mutants[2].source()
    assert [mutant.name for mutant in mutants] == [
        "module: 5.0 -> 2.5",
        "module: 5.0 -> 10.0",
        "is_over: True -> False",
        "is_over: not strict and voltage_v == LIMIT_V -> not strict or voltage_v == LIMIT_V",
        "is_over: not strict and voltage_v == LIMIT_V -> voltage_v == LIMIT_V",
        "is_over: not strict and voltage_v == LIMIT_V -> not strict",
        "is_over: not strict -> strict",
        "is_over: voltage_v == LIMIT_V -> voltage_v != LIMIT_V",
        "is_over: raise ValueError(f'{voltage_v * 1000.0} mV') -> pass",
        "is_over: abs(voltage_v) > LIMIT_V -> abs(voltage_v) >= LIMIT_V",
        "is_over: abs(voltage_v) > LIMIT_V -> abs(voltage_v) <= LIMIT_V",
        "is_over: abs(voltage_v) -> voltage_v",
    ]


def test_mutant_takes_its_modules_place_and_the_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who imports the module in a trial gets the changed one; all other modules are found as ever."""
    file = tmp_path / "limit_of_a_trial.py"
    file.write_text(_MODULE, "utf-8")
    mutant = mutants_of(file, tmp_path)[1]
    monkeypatch.setattr(sys, "meta_path", [MutantLoader(mutant, tmp_path), *sys.meta_path])
    module = importlib.import_module("limit_of_a_trial")
    monkeypatch.delitem(sys.modules, "limit_of_a_trial")
    assert (module.LIMIT_V, file.read_text("utf-8")) == (10.0, _MODULE)
    assert importlib.util.find_spec("colorsys") is not None


_TESTS = """from limit_of_a_trial import is_over

def test_over():
    assert is_over(6.0) and is_over(-6.0) and not is_over(5.0)
"""
_TRIES = """import json, sys
from pathlib import Path
from tests.mutants.collected import killed_when_collected
from tests.mutants.mutations import mutants_of

folder = Path(sys.argv[1])
mutants = mutants_of(folder / "limit_of_a_trial.py", folder)
print(json.dumps(killed_when_collected(mutants, ["test_limit_of_a_trial.py"], folder)))
"""


def test_tests_are_collected_once_and_each_mutant_is_tried_in_a_fork(tmp_path: Path) -> None:
    """Told by names: what a test notices, what none does, and nothing of a constant of the module."""
    (tmp_path / "limit_of_a_trial.py").write_text(_MODULE, "utf-8")
    (tmp_path / "test_limit_of_a_trial.py").write_text(_TESTS, "utf-8")
    tried = [sys.executable, "-c", _TRIES, str(tmp_path)]
    done = subprocess.run(tried, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "is_over: not strict and voltage_v == LIMIT_V -> not strict or voltage_v == LIMIT_V": True,
        "is_over: not strict and voltage_v == LIMIT_V -> voltage_v == LIMIT_V": True,
        "is_over: not strict and voltage_v == LIMIT_V -> not strict": False,
        "is_over: not strict -> strict": True,
        "is_over: voltage_v == LIMIT_V -> voltage_v != LIMIT_V": False,
        "is_over: raise ValueError(f'{voltage_v * 1000.0} mV') -> pass": False,
        "is_over: abs(voltage_v) > LIMIT_V -> abs(voltage_v) >= LIMIT_V": True,
        "is_over: abs(voltage_v) > LIMIT_V -> abs(voltage_v) <= LIMIT_V": True,
        "is_over: abs(voltage_v) -> voltage_v": True,
    }


def test_module_that_is_imported_already_is_no_trial() -> None:
    """Its mutants would all survive, because nobody would import them."""
    with pytest.raises(RuntimeError, match="imported already"):
        prepare(Path("tests/mutants/trial.py"))


def test_explanations_are_of_mutants_that_there_are() -> None:
    """A line that was changed since needs its explanation anew; modules and their tests are there."""
    for path, reasons in explained().items():
        names = {mutant.name for mutant in mutants_of(ROOT / path, ROOT)}
        assert [name for name in reasons if name not in names] == []
    assert explained().keys() <= TESTS.keys()
    files = [ROOT / "tests" / f"test_{name}.py" for names in TESTS.values() for name in names]
    assert [file for file in files if not file.is_file()] == []


def test_unknown_module_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Who mistypes a module reads which there are, and nothing runs; the end of a path names one."""
    with pytest.raises(SystemExit):
        main(["limit"])
    assert "no such module: limit; there are" in capsys.readouterr().err

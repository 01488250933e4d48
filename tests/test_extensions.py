"""What other packages add: testers and formats are found by their entry points, and a broken one hinders no other."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.errors import SettingsError
from orchestrator.bench.checking import check_bench
from orchestrator.bench.kinds import find_kind, offered_kinds
from orchestrator.bench.settings import load_bench
from orchestrator.cli.app import app
from orchestrator.extensions import FORMATS, ExtensionBroken, installed
from tests import toy_tester
from tests.packages import TOY_BENCH, install, install_toy

WRONG = """\
from typing import Literal
from drivers.interfaces import BatteryTester
from drivers.table_settings import TableSettings
from drivers.tester_kind import BatteryTesterKind
from tests.toy_tester import ToySettings, ToyTester

function = lambda: None
class Table(TableSettings):
    kind: Literal["table"] = "table"
table = BatteryTesterKind(Table, ToyTester)
misnamed = BatteryTesterKind(ToySettings, ToyTester)
instance = BatteryTesterKind("toy", ToyTester)
"""
BROKEN = {
    "absent": ("no_such_module:KIND", "ModuleNotFoundError: No module named 'no_such_module'"),
    "raising": ("raising:KIND", "RuntimeError: no licence found"),
    "attribute": ("wrong:NOTHING", "AttributeError"),
    "function": ("wrong:function", "is a function; it must be a BatteryTesterKind"),
    "table": ("wrong:table", "Table must be BatteryTesterSettings"),
    "instance": ("wrong:instance", "toy must be BatteryTesterSettings"),
    "ending": ("ending:KIND", "SystemExit: 3"),
    "misnamed": ("wrong:misnamed", "kind of its settings is 'toy'; it must be 'misnamed'"),
}

FAULTY_CODE = """\
from abc import abstractmethod
from typing import Literal
from drivers.tester_kind import BatteryTesterKind
from tests.toy_tester import ToySettings, ToyTester

CLOSED = []

def made(name, channels):
    class Settings(ToySettings):
        kind: Literal[name] = name
        def channel_names(self):
            return channels(self)
    return BatteryTesterKind(Settings, Unruly)

class Unruly(ToyTester):
    async def open(self):
        1 / 0
    async def close(self):
        CLOSED.append(self.name)
        raise ValueError("cannot close")

class Half(ToySettings):
    kind: Literal["half"] = "half"
    @abstractmethod
    def more(self): ...

half = BatteryTesterKind(Half, ToyTester)
unruly = made("unruly", lambda it: tuple(it.cells))
raising_names = made("raising_names", lambda it: 1 / 0)
numbered = made("numbered", lambda it: (1, 2))
nameless = made("nameless", lambda it: ("",))
"""
FAULTY = {
    "half": "Half leaves out more, which every tester's settings have",
    "raising_names": "ends in ZeroDivisionError: division by zero; this is a fault of",
    "numbered": "names a channel 1; a name has letters",
    "nameless": "names a channel ''; a name has letters",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of installed packages that is on the path for one test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def broken_package(site: Path) -> Path:
    """Install a package whose testers are all broken."""
    points = "".join(f"{name} = {value}\n" for name, (value, _) in BROKEN.items())
    modules = {"wrong": WRONG, "raising": "raise RuntimeError('no licence found')\n", "ending": "raise SystemExit(3)\n"}
    return install(site, "broken-testers", f"[cellrig.testers]\n{points}", modules)


def test_kind_of_another_package_is_found_by_its_entry_point(site: Path) -> None:
    """No table of ours names the toy."""
    install_toy(site)
    assert find_kind("toy") is toy_tester.KIND


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.usefixtures("broken_package")
def test_broken_tester_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    """The bench file that names it is refused with the package, the place and the reason."""
    file = tmp_path / "bench.toml"
    file.write_text(f'[[tester]]\nkind = "{name}"\n', encoding="utf-8")
    value, reason = BROKEN[name]
    with pytest.raises(SettingsError) as refused:
        load_bench(file)
    told = str(refused.value)
    assert reason in told
    assert "broken-testers 1.0" in told
    assert value in told
    assert told.startswith(f"{file}: tester.0: ")


@pytest.mark.usefixtures("broken_package")
def test_broken_testers_hinder_no_other(site: Path, tmp_path: Path) -> None:
    """A bench of the toy loads beside every broken kind, and the list names each with its reason."""
    install_toy(site)
    file = tmp_path / "bench.toml"
    file.write_text(TOY_BENCH, encoding="utf-8")
    assert load_bench(file).tester_of("A1").name == "toy"
    problems = {kind.name: kind.problem for kind in offered_kinds()}
    assert problems["neware-ct4008"] == problems["toy"] == ""
    for name, (_, reason) in BROKEN.items():
        assert reason in problems[name]


def test_kind_that_nobody_has_lists_those_there_are(site: Path) -> None:
    """A misspelled kind is answered with the right ones."""
    install_toy(site)
    with pytest.raises(SettingsError, match="no kind of tester 'tony'; there are neware-ct4008, smu, toy"):
        find_kind("tony")


def test_kind_that_is_offered_twice_is_refused_with_both_packages(site: Path) -> None:
    """Which of two drivers moves the current is nothing to be guessed."""
    install_toy(site)
    install(site, "another-toy", "[cellrig.testers]\ntoy = tests.toy_tester:KIND\n")
    with pytest.raises(SettingsError, match=r"offered twice, by another-toy 1\.0 and cellrig-toy 1\.0"):
        find_kind("toy")


def test_kind_of_ours_is_nobody_elses(site: Path) -> None:
    """A package cannot put itself in the place of the CT-4008, and the list says so."""
    install(site, "imposter", "[cellrig.testers]\nneware-ct4008 = tests.toy_tester:KIND\n")
    assert find_kind("neware-ct4008") is not toy_tester.KIND
    assert any(kind.package == "imposter 1.0" and "cellrig has a kind" in kind.problem for kind in offered_kinds())


def test_formats_of_other_packages_are_listed(site: Path) -> None:
    """A format that can be loaded is given as it is; one that cannot says why."""
    points = "[cellrig.formats]\nlines = lines_format:FORMAT\nbroken = no_such_module:FORMAT\n"
    install(site, "cellrig-lines", points, {"lines_format": 'FORMAT = "one line a record"\n'})
    broken, lines = installed(FORMATS)
    assert (lines.name, lines.package, lines.load(), lines.problem()) == (
        "lines",
        "cellrig-lines 1.0",
        "one line a record",
        "",
    )
    assert "No module named 'no_such_module'" in broken.problem()
    with pytest.raises(ExtensionBroken, match="cellrig-lines"):
        broken.load()


@pytest.mark.usefixtures("broken_package")
def test_command_lists_what_is_installed(site: Path) -> None:
    """Status 1 and the reason beside each that cannot be used."""
    install_toy(site)
    result = CliRunner().invoke(app, ["extensions", "--json"])
    assert result.exit_code == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)["extensions"]}
    assert rows["toy"] == {"adds": "tester", "name": "toy", "package": "cellrig-toy 1.0", "problem": ""}
    assert "no licence found" in rows["raising"]["problem"]
    assert "cellrig-toy 1.0" in CliRunner().invoke(app, ["extensions"]).stdout


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_settings_of_another_package_are_told_in_a_sentence(site: Path, tmp_path: Path, name: str) -> None:
    """Settings that leave something out, that raise, or that name channels by what is no name."""
    points = "".join(f"{name} = faulty:{name}\n" for name in FAULTY)
    install(site, "faulty-testers", f"[cellrig.testers]\n{points}", {"faulty": FAULTY_CODE})
    file = tmp_path / "bench.toml"
    file.write_text(f'[[tester]]\nkind = "{name}"\n[tester.cells]\nleft = "coated-li-li"\n', encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_bench(file)
    assert FAULTY[name] in str(refused.value)
    assert "faulty-testers 1.0" in str(refused.value)


async def test_drivers_that_raise_anything_hinder_no_other(site: Path, tmp_path: Path) -> None:
    """``bench check`` tells it of each with its package, and a tester that cannot be closed keeps no other open."""
    install(site, "faulty-testers", "[cellrig.testers]\nunruly = faulty:unruly\n", {"faulty": FAULTY_CODE})
    file = tmp_path / "bench.toml"
    tester = '[[tester]]\nkind = "unruly"\nname = "{0}"\n[tester.cells]\n{0} = "coated-li-li"\n'
    file.write_text(tester.format("first") + tester.format("second"), encoding="utf-8")
    rows = await check_bench(load_bench(file))
    for row in rows:
        assert "ZeroDivisionError" in row["problem"]
        assert "faulty-testers 1.0" in row["problem"]
    assert sys.modules["faulty"].CLOSED == ["first", "second"]

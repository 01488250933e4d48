"""``import cellrig`` as it is promised: its names and signatures, where they come from, and that a page tells each."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cellrig
from orchestrator import analysis
from tests.public_interface import public_interface

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")


def test_names_and_signatures_are_those_that_were_promised() -> None:
    """A change of the public interface is seen, and meant: write it anew with ``python -m tests.public_interface``."""
    golden = (ROOT / "tests" / "golden" / "public-interface.txt").read_text("utf-8")
    assert public_interface() == golden


@pytest.mark.parametrize(("package", "computed"), [(cellrig, ["__version__"]), (analysis, [])])
def test_type_checkers_see_the_names_that_programs_get(package: ModuleType, computed: list[str]) -> None:
    """Each name is imported for type checkers from the module from which it is loaded, and there is no other."""
    source = ast.parse(Path(package.__file__ or "").read_text("utf-8"))
    seen = next(node for node in source.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module for node in seen.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == package._HOME_OF  # noqa: SLF001 - the table of the package itself
    assert sorted([*imported, *computed]) == sorted(package.__all__) == dir(package)


@pytest.mark.parametrize("name", cellrig.__all__)
def test_page_tells_every_name(name: str) -> None:
    """Who reads docs/python.md finds every public name, errors among them."""
    assert re.search(rf"`(?:cellrig\.)?{name}\b|cellrig\.{name}\b", PAGE)


def test_every_public_function_and_class_says_what_it_is() -> None:
    """``help`` of each name, and of each method that is public, has words of ours."""
    silent = []
    for name in cellrig.__all__:
        value = getattr(cellrig, name)
        if isinstance(value, type) and value.__module__.startswith("cellrig."):
            silent += [f"{name}.{key}" for key, it in vars(value).items() if key[0] != "_" and not _doc(it)]
        if callable(value) and name not in {"Columns", "Source"} and not _doc(value):
            silent.append(name)
    assert silent == []


def _doc(value: object) -> str:
    return "slot" if type(value).__name__ == "member_descriptor" else value.__doc__ or ""


def test_unknown_name_is_said_as_python_says_it() -> None:
    """A slip in a name is a mistake to a type checker, and an AttributeError that names it."""
    with pytest.raises(AttributeError, match="module 'cellrig' has no attribute 'open_stor'"):
        cellrig.open_stor  # type: ignore[attr-defined] # noqa: B018 - asking is the claim


def test_foreign_package_of_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's ``drivers`` in front of ours is named where a name is first used, and nothing of it runs."""
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers" / "__init__.py").write_text("raise RuntimeError('a stranger runs')\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "drivers")
    monkeypatch.delitem(vars(cellrig), "CannotRun", raising=False)
    with pytest.raises(ImportError, match="the package 'drivers' beside cellrig should be"):
        cellrig.CannotRun  # noqa: B018 - asking is the claim

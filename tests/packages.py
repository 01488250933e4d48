"""Packages made for one test: modules and entry points in a folder on the path, as an installer would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TOY_BENCH = """\
[[tester]]
kind = "toy"
poll_period_s = 30
[tester.cells]
left = "coated-li-li"
A1 = "bare-li-li"
"""


def install(folder: Path, name: str, points: str, modules: Mapping[str, str] | None = None) -> Path:
    """Leave a package in a folder: its modules' texts, and ``points``, the text of its ``entry_points.txt``."""
    for module, text in (modules or {}).items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    return folder


def install_toy(folder: Path) -> Path:
    """Leave a package that offers ``tests.toy_tester``."""
    return install(folder, "cellrig-toy", "[cellrig.testers]\ntoy = tests.toy_tester:KIND\n")

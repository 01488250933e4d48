"""Names the extra to install when a command needs libraries that are not installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from orchestrator.cli.output import WRONG_USE, fail

# The libraries of each extra of pyproject.toml, by the names under which Python imports them.
EXTRAS = {
    "commission": ("tomlkit",),
    "data": ("adbc_driver_sqlite", "openpyxl", "polars", "pyarrow", "xlsxwriter"),
    "import": ("fastnda",),
    "mqtt": ("aiomqtt",),
    "notices": ("apprise",),
    "oven": ("pymodbus",),
    "report": ("matplotlib", "pypdf", "reportlab", "scipy"),
    "service": ("argon2", "fastapi", "jinja2", "uvicorn", "youplot"),
    "smu": ("pyvisa", "pyvisa_py", "usb"),
}
_DOES = {
    "commission": "edits a bench file",
    "data": "writes and reads tables",
    "import": "reads files of Neware",
    "mqtt": "publishes to a broker",
    "notices": "tells people",
    "oven": "asks an oven",
    "report": "draws, fits and writes pages",
    "service": "answers clients",
    "smu": "asks source meters",
}


def fit_on_one_thread() -> None:
    """Let the sums of fits run on one thread: a spectrum's matrices are small, and threads only wait for each other.

    It is read when numpy is imported, so it must come before.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def need(extra: str) -> None:
    """End the command before its work begins if a library of ``extra`` is missing."""
    need_libraries(extra, EXTRAS[extra])


def need_libraries(extra: str, libraries: Sequence[str]) -> None:
    """End the command before its work begins if one of these libraries, which ``extra`` brings, is missing."""
    if missing := [name for name in libraries if find_spec(name) is None]:
        are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        fail(
            f"this command {_DOES[extra]}, and {' and '.join(missing)} {are} not installed; "
            f"install {them} with: python -m pip install '.[{extra}]' in the folder of cellrig",
            WRONG_USE,
        )

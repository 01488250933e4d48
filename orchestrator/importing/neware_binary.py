"""Reads Neware's .nda and .ndax through fastnda, and says first what a copy of a running test lacks.

Times are rebuilt by the clock, because fastnda adds up the times of steps (reference readers, S3); records at 0 V stay
(S2); of its numbers of single precision those that mean a short decimal become that decimal (A8).
"""

from __future__ import annotations

import logging
import warnings
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.files import named_as
from orchestrator.importing.neware_records import completed_records
from orchestrator.importing.read_run import Decisions, ImportOptions, ReadRun
from orchestrator.importing.unknowns import check_finite, wall_clock_unix_s

if TYPE_CHECKING:
    import polars as pl

_DATA, _STEP, _RUN_INFO = "data.ndc", "data_step.ndc", "data_runInfo.ndc"
# Versions from this one on keep steps and times in files of their own; older ones have all in data.ndc, but 6, whose
# steps are apart.
_APART_SINCE = 8
_STEPS_APART = 6
# Versions whose clock is the wall clock of the computer that wrote them; all others keep seconds since 1970. As fastnda
# 1.3.1 reads them.
_WALL_NDC = frozenset({1, 2, 3, 4, 5, 7})
_WALL_NDA = frozenset({1, 2, 3, 4, 29})
_VERSION_AT = {".nda": 14, ".ndax": 2}
_DECIMALS = 7
"""Decimals at which a number of single precision is looked at: 0.1 microvolt, 0.1 nanoampere."""
_STEP_OF_SINGLE = 2.0**-23
"""How far its neighbour is: readers multiply in single precision, and 0.2 mA of a file in A is 0.19999999 to them."""


def read_nda(path: Path, options: ImportOptions) -> ReadRun:
    """Read a ``.nda``. Raises ImportFailed."""
    with path.open("rb") as file:
        number = file.read(_VERSION_AT[".nda"] + 1)[-1]
    return _read(path, options, ".nda", f"Neware .nda, version {number}", is_wall=number in _WALL_NDA)


def read_ndax(path: Path, options: ImportOptions) -> ReadRun:
    """Read a ``.ndax``. Raises ImportFailed, also for one that is not whole."""
    number = _checked(path)
    return _read(path, options, ".ndax", f"Neware .ndax, version {number}", is_wall=number in _WALL_NDC)


def _checked(path: Path) -> int:
    """Return the version of the records of a .ndax. Raises ImportFailed for one that lacks a part (readers, A6)."""
    try:
        with zipfile.ZipFile(path) as packed:
            names = set(packed.namelist())
            with packed.open(_DATA) as data:
                head = data.read(_VERSION_AT[".ndax"] + 1)
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, NotImplementedError, RuntimeError) as err:
        raise ImportFailed(f"{path.name} is cut off or damaged ({err}); copy it again") from err
    if len(head) <= _VERSION_AT[".ndax"]:
        raise ImportFailed(f"{path.name} is damaged: {_DATA} in it is not whole; copy it again")
    number = head[-1]
    needed = (
        {_STEP, _RUN_INFO} if number >= _APART_SINCE and number != 15 else {_STEP} if number == _STEPS_APART else set()
    )
    if lacking := sorted(needed - names):
        raise ImportFailed(
            f"{path.name} lacks {' and '.join(lacking)}: it is the incomplete copy of a running test; export it again "
            "when the test has ended, or by BTSDA"
        )
    return number


def _read(path: Path, options: ImportOptions, ending: str, what: str, *, is_wall: bool) -> ReadRun:
    decisions = Decisions()
    frame, said = _by_fastnda(path, ending)
    for sentence in said:
        decisions.add("remark", sentence, f"fastnda {version('fastnda')}")
    table = _columns(frame)
    check_finite(table, path.name)
    decisions.add("units", "mA, mAh and mWh of single precision, as A, Ah and Wh", "the format")
    if "unix_time_s" in table.columns and is_wall:
        unix_s = wall_clock_unix_s(table["unix_time_s"], options, decisions, f"the times of a {what}", path.name)
        table = table.with_columns(unix_s.alias("unix_time_s"))
    elif "unix_time_s" in table.columns:
        decisions.add("time zone", "UTC", "the format keeps seconds since 1970")
    table = completed_records(table, options, decisions, path.name, "the format counts a charge as positive")
    zero = int((table["voltage_v"] == 0.0).sum())
    if zero:
        decisions.add("records at 0 V", f"{zero} kept", "a shorted or symmetric cell passes 0 V")
    facts = _facts(path)
    return ReadRun(
        what,
        f"fastnda {version('fastnda')}",
        decisions,
        table,
        cell_name=facts.get("cell", ""),
        instrument="neware",
        channel=facts.get("channel", ""),
    )


class _Said(logging.Handler):
    """Keeps the warnings of a library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


def _fastnda() -> Any:  # noqa: ANN401 - a module without types
    """Return fastnda, without what it puts into zlib of the whole process: errors there are of another kind."""
    kept = zlib.decompress, zlib.decompressobj
    import fastnda
    import fastnda.ndax

    zlib.decompress, zlib.decompressobj = kept
    return fastnda


def _by_fastnda(path: Path, ending: str) -> tuple[pl.DataFrame, list[str]]:
    """Return what fastnda reads, and what it says. Raises ImportFailed for whatever goes wrong in it."""
    fastnda = _fastnda()
    said, logger = _Said(), logging.getLogger("fastnda")
    was, logger.propagate = logger.propagate, False
    logger.addHandler(said)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with named_as(path, ending) as named:
                frame = fastnda.read(named, cycle_mode="raw")
    except MemoryError:
        raise
    except Exception as err:  # another package's code, fed with any bytes
        raise ImportFailed(
            f"{path.name} cannot be read ({type(err).__name__}: {str(err)[:200]}): it is cut off, damaged, or of a "
            "version that fastnda does not know; open it with BTSDA, and export it again"
        ) from err
    finally:
        logger.removeHandler(said)
        logger.propagate = was
    return frame, [*dict.fromkeys([*said.sentences, *(str(one.message) for one in caught)])]


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Return fastnda's columns under our names, in V, A, Ah, Wh and s."""
    import polars as pl

    def single(name: str, places: int = 0) -> pl.Expr:
        """Return a number of single precision as a short decimal, if that is what it means; the point is moved."""
        exact = pl.col(name).cast(pl.Float64)
        whole = (exact * 10.0**_DECIMALS).round()
        is_meant = (whole / 10.0**_DECIMALS - exact).abs() <= exact.abs() * _STEP_OF_SINGLE
        # A quotient of two whole numbers is the double next to the decimal.
        return pl.when(is_meant).then(whole / 10.0 ** (_DECIMALS - places)).otherwise(exact / 10.0**-places)

    columns = {
        "sequence": pl.col("index").cast(pl.Int64),
        "voltage_v": single("voltage_V"),
        "current_a": single("current_mA", -3),
        "step_time_s": pl.col("step_time_s"),
        "test_time_s": pl.col("total_time_s"),
        "cycle": pl.col("cycle_count").cast(pl.Int64),
        "step_count": pl.col("step_count").cast(pl.Int64),
        "step": pl.col("step_index").cast(pl.Int64),
        "mode": pl.col("step_type").cast(pl.String).fill_null("undefined"),
        "capacity_ah": single("capacity_mAh", -3).abs(),
        "energy_wh": single("energy_mWh", -3).abs(),
    }
    if "unix_time_s" in frame.columns:
        columns["unix_time_s"] = pl.col("unix_time_s")
    if aux := next((name for name in frame.columns if name.startswith("aux") and "temperature" in name), None):
        columns["temperature_degc"] = single(aux)
    return frame.select(**columns)


def _facts(path: Path) -> dict[str, str]:
    """Return the cell's barcode or name and the tester's channel, as far as the file tells them in words."""
    fastnda = _fastnda()
    try:
        told = fastnda.read_metadata(path)
    except Exception:  # noqa: BLE001 - no word of a file is needed
        return {}
    info = told.get("TestInfo")
    inner = info.get("TestInfo") if isinstance(info, dict) else None
    found = inner if isinstance(inner, dict) else told
    name = next((str(found[key]) for key in ("Barcode", "barcode", "test_name") if found.get(key)), "")
    places = [str(found[key]) for key in ("DevID", "UnitID", "ChlID") if found.get(key)]
    return {"cell": name, "channel": "-".join(places) if len(places) == 3 else ""}

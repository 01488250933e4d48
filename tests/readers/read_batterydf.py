"""Opens files of the Battery Data Format with batterydf, any warning an error; prints its report on each."""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("error")

import bdf  # noqa: E402 - warnings on import count as well
import pandas as pd  # type: ignore[import-untyped]  # noqa: E402 - no types; as above
from bdf.normalize import OPTIONAL, REQUIRED  # noqa: E402 - as above
from bdf.validate import validate_df  # noqa: E402 - as above

told = {}
for name in sys.argv[1:]:
    path = Path(name)
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        report = validate_df(table, report=True)
        loaded = bdf.read(path)
    told[path.suffix] = {
        "ok": report["ok"],
        "missing": report["missing"],
        "legacy": report["legacy_labels"],
        "extras": report["extras"],
        "is_ordered": report["time_stats"]["monotonic"],
        "said": said.getvalue(),
        "known": [*REQUIRED, *OPTIONAL],
        "types": {column: str(dtype) for column, dtype in loaded.dtypes.items()},
        "columns": {name: [None if one != one else one for one in loaded[name].tolist()] for name in loaded.columns},
    }
sys.stdout.write(json.dumps(told))

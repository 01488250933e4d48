#!/bin/sh
# DuckDB reads every column of some SQLite views as text, so that the largest of 9 and 50 is '9', without an error.
#
# Tried: duckdb 1.5.5 with its extension for SQLite (duckdb-extension-sqlite-scanner 1.5.5) on a file of SQLite, Python
# 3.11, on 2026-11-27.
#
# Expected: a view's columns have the types that SQLite tells of them: an INTEGER of a STRICT table stays a BIGINT.
# Seen: they do, until one column of the view calls strftime with 'unixepoch', as a view that shows times must. Then all
# of the view's columns are VARCHAR, and max, ORDER BY and comparisons go by letters. If such a view also counts in a
# subquery, reading it raises an error about a function count_star that SQLite does not have. SQLite itself gives 50.
# Whom it meets: who attaches cellrig's store in DuckDB and asks its views (sample_readable, run_summary).
# What to do: read the views with Python's sqlite3, pandas or polars and hand the frame to DuckDB, or cast each column.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install \
    'duckdb==1.5.5' 'duckdb-extension-sqlite-scanner==1.5.5' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import sqlite3
import sys
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner

file = sys.argv[1]
with sqlite3.connect(file) as plain:
    plain.executescript("""
        CREATE TABLE cycle (number INTEGER NOT NULL, ended_unix_s REAL NOT NULL) STRICT;
        INSERT INTO cycle VALUES (9, 1767571200.0), (50, 1767657600.0);
        CREATE VIEW bare AS SELECT number, ended_unix_s FROM cycle;
        CREATE VIEW dated AS
            SELECT number, strftime('%Y-%m-%d', ended_unix_s, 'unixepoch') AS ended FROM cycle;
        CREATE VIEW counted AS
            SELECT (SELECT count(*) FROM cycle) AS cycles, strftime('%Y', 0, 'unixepoch') AS year;
    """)
    truth = plain.execute("SELECT max(number) FROM dated").fetchone()[0]

(extension,) = Path(duckdb_extension_sqlite_scanner.__file__).parent.glob("extensions/*/*.duckdb_extension")
duck = duckdb.connect()
duck.execute(f"LOAD '{extension}'")
duck.execute(f"ATTACH '{file}' AS store (TYPE sqlite, READ_ONLY)")
largest = {}
for view in ("bare", "dated"):
    largest[view] = duck.execute(f"SELECT max(number), any_value(typeof(number)) FROM store.{view}").fetchone()
    print(f"{view}: largest number {largest[view][0]!r}, type {largest[view][1]}; SQLite says {truth}")
try:
    duck.execute("SELECT cycles FROM store.counted").fetchall()
    counted = "read"
except duckdb.Error as error:
    counted = str(error).strip().splitlines()[0]
print("counted:", counted)
still = largest == {"bare": (50, "BIGINT"), "dated": ("9", "VARCHAR")} and truth == 50 and "count_star" in counted
sys.exit(0 if still else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" "$folder/store.db" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: DuckDB reads all columns of a SQLite view with strftime as text"

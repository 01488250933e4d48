"""Single flipped bits in a store (faults F07) are found where they change a row, although SQLite keeps no checksums."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from orchestrator.store import StoreError, open_store
from orchestrator.store.health import check_store
from orchestrator.store.row_checks import Level
from tests.rig import Rig
from tests.service_rig import request, serving

FLIPS = 44


def found(store: Path) -> set[str]:
    """Give the checks that find something wrong with a store."""
    try:
        health = check_store(store, now_unix_s=0.0)
    except StoreError as err:
        return {type(err).__name__}
    return {finding.check for finding in health.findings if finding.level is Level.WRONG}


def rows(store: Path) -> object:
    """Give all that is in a store."""
    try:
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [repr(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables]  # noqa: S608 - names of ours
    except sqlite3.Error as err:
        return err


async def made(rig: Rig, path: Path) -> None:
    """Make a store with a run of a few hundred records."""
    with open_store(path) as store:
        async with serving(rig, store) as service:
            service.submit(request(cycles=6), "ada")
            await asyncio.sleep(12_000)


async def test_flipped_bits_that_change_a_store_are_found(rig: Rig, store_path: Path, tmp_path: Path) -> None:
    """Of bits at random in a store of a run, at least five of six that change a row are found."""
    await made(rig, store_path)
    flip(store_path, tmp_path / "spoilt.sqlite")


def flip(store: Path, spoilt: Path) -> None:
    """Flip bits at random, one in each copy, and assert that it is found or changes nothing."""
    whole, before, sound = store.read_bytes(), rows(store), found(store)
    assert sound <= {"runs", "backup"}
    draw = random.Random(11)
    seen: Counter[str] = Counter()
    for _ in range(FLIPS):
        at = draw.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[at // 8] ^= 1 << at % 8
        spoilt.write_bytes(changed)
        if found(spoilt) - sound:
            seen["found"] += 1
        else:
            seen["harmless" if rows(spoilt) == before else "missed"] += 1
    assert seen["found"] >= 8
    # A letter of a text, and the last bits of a small number, betray nothing.
    assert seen["missed"] <= seen["found"] // 5, seen


async def test_flipped_bit_of_a_record_is_told_with_its_place(rig: Rig, store_path: Path) -> None:
    """One bit of one voltage betrays itself by the digits, and by the step that was computed from it."""
    await made(rig, store_path)
    with open_store(store_path) as store:
        (volts,) = store.connection.execute("SELECT voltage_v FROM sample WHERE sequence = 200").fetchone()
        store.connection.execute("UPDATE sample SET voltage_v = ? WHERE sequence = 200", (volts * (1 + 2**-30),))
    told = [finding.sentence for finding in check_store(store_path, now_unix_s=0.0).findings]
    assert any("record 200 of test 1 of run R000001 cannot be what was stored: voltage_v" in it for it in told)
    assert any("is stored with mean_voltage_v" in it for it in told)

"""What may stand in a store: also readings that are missing, below zero, tiny, and words that nobody expects."""

from __future__ import annotations

from hypothesis import strategies as st

from orchestrator.store import Store

_NUMBERS = st.floats(-5.0, 5.0, allow_nan=False)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("voltage_v"), st.one_of(st.none(), st.just(0.0), _NUMBERS)),
        st.tuples(st.just("current_a"), st.one_of(st.none(), st.just(5e-12), _NUMBERS)),
        st.tuples(st.sampled_from(["capacity_ah", "energy_wh"]), st.one_of(st.none(), st.floats(0.0, 1.0))),
        st.tuples(st.just("temperature_degc"), st.one_of(st.none(), st.floats(-20.0, 80.0))),
        st.tuples(st.just("mode"), st.sampled_from(["cccv", 'a "word", with commas', "恒流充电", ""])),
        st.tuples(st.just("lost"), st.none()),
        # A clock that stumbles: the record says to be earlier than the one before it.
        st.tuples(st.just("time_s"), st.floats(0.0, 1e4)),
    ),
    max_size=12,
)
PLACES = st.lists(st.integers(0, 10_000), min_size=12, max_size=12)
"""Where the changes are made, each counted through the records of the run."""


def change(store: Store, run_id: str, changes: list[tuple[str, object]], places: list[int]) -> None:
    """Write changes into the records of a run."""
    rows = store.connection.execute(
        "SELECT test, sequence FROM sample WHERE test IN (SELECT id FROM test WHERE run_id = ?)", (run_id,)
    ).fetchall()
    with store.transaction() as connection:
        for (name, value), place in zip(changes, places, strict=False):
            key = rows[place % len(rows)]
            if name == "lost":
                connection.execute("DELETE FROM sample WHERE test = ? AND sequence = ?", key)
            else:
                sql = f"UPDATE sample SET {name} = ? WHERE test = ? AND sequence = ?"  # noqa: S608 names of ours
                connection.execute(sql, (value, *key))

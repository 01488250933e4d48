// The table of the rack, sorted by a column: by what was measured, not by its text. Again: the other way round.
import * as live from "./live.js";

const KEYS = {
  channel: (row) => live.rig.channels.indexOf(row.channel),
  state: (row) => row.state,
  name: (row) => row.label ?? row.cell_in,
  recipe: (row) => row.recipe,
  cycle: (row) => row.cycle,
  step: (row) => row.step?.code,
  voltage: (row) => row.voltage_v,
  current: (row) => row.current_a,
  resistance: (row) => row.resistance_ohm,
  left: (row) => row.left_s,
  ends: (row) => row.ends_at,
  age: (row) => (row.record_at === null ? null : -row.record_at),
};

function compare(one, other) {
  // What is not there stands last, whichever way.
  if (one == null || other == null) return (one == null) - (other == null);
  return typeof one === "number" ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
}

export function bindSort(table) {
  const body = table.tBodies?.[0];
  if (!body) return;
  table.tHead.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-sort]");
    if (!button) return;
    const head = button.closest("th"), isDown = head.getAttribute("aria-sort") === "ascending", key = KEYS[button.dataset.sort];
    for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const of = (line) => key(live.rows.get(line.dataset.channel) ?? {});
    const isNone = (line) => of(line) == null;
    const lines = [...body.rows].sort((a, b) => (isDown && !isNone(a) && !isNone(b) ? -1 : 1) * compare(of(a), of(b)));
    body.append(...lines);
  });
}

// Keeps the head of a run's page live: its values with their ages. Rows of other runs are no business of it.
import * as live from "./live.js";
import { current, resistance, voltage } from "./numbers.js";
import { ageText, momentOf, sentence } from "./sentences.js";
import { t } from "./words.js";

const head = document.querySelector("[data-run]");
const SHOWN = {
  step: (row) => sentence(row.step),
  voltage: (row) => voltage(row.voltage_v),
  current: (row) => current(row.current_a),
  resistance: (row) => (row.resistance_ohm == null ? "" : resistance(row.resistance_ohm)),
  cycle: (row) => (row.cycle ? t(row.cycles ? "run.cycle_of" : "run.cycles", { cycle: row.cycle, cycles: row.cycles ?? row.cycle }) : ""),
  ends: (row) => (row.ends_at ? t("run.ends", { time: momentOf(row.ends_at) }) : ""),
  age: (row) => (row.record_at ? ageText(row.record_at) : ""),
};
let mine = null;
// What came of an order is told once, and no more after the page is loaded again.
const here = new URL(location.href);
if (here.searchParams.has("told")) {
  for (const name of ["told", "mark"]) here.searchParams.delete(name);
  history.replaceState(null, "", here);
}

function show() {
  const row = [...live.rows.values()].find((one) => one.run_id === head.dataset.run);
  // The run was here and is no more on its channel, or is in another state: what stands first is told anew.
  if ((mine && !row) || (row && row.state !== head.dataset.state)) return location.reload();
  mine = row ?? null;
  if (!mine) return;
  for (const [name, text] of Object.entries(SHOWN)) {
    const place = head.querySelector(`[data-live="${name}"]`);
    if (place) place.textContent = text(mine);
  }
}

if (head?.dataset.open) {
  live.on("rack", show);
  setInterval(() => {
    const place = head.querySelector('[data-live="age"]');
    if (mine && place) place.textContent = SHOWN.age(mine);
  }, 1000);
}

// What a row of the rack is shown as, as orchestrator/dashboard/rack_view.py does.
import * as live from "./live.js";
import * as numbers from "./numbers.js";
import { ageText, momentOf, sentence } from "./sentences.js";
import { has, t } from "./words.js";

const STALE_S = 30;
const FILLS = {
  tripped: "act", unknown: "act", other: "act", holding: "wait", awaiting_operator: "wait", unseen: "gone", no_answer: "gone",
};
const ICONS = {
  other: "unknown", no_answer: "unseen", other_test: "lock", bts_paused: "lock", bts_finished: "lock", bts_stopped: "lock",
  bts_protected: "protected",
};
const GROUPS = {
  queued: "running", preflight: "running", armed: "running", running: "running", completed: "done", stopped: "done",
  failed: "done", idle: "done", free: "free",
};
export const ACTS = ["acknowledge", "resume", "plugged", "cell_in", "cell_out", "start", "stop_again", "stop"];

// A state that is not in the table of words is drawn as unknown.
const known = (state) => (has(`state.${state}`) ? state : "unknown");
export const wordOf = (state) => t(`state.${known(state)}`);
export const fillOf = (state) => FILLS[known(state)] ?? "";

export function groupOf(row) {
  if (fillOf(row.state) || row.priority === "A" || row.priority === "B") return "needs";
  return GROUPS[row.state] ?? "";
}

export function isStale(row) {
  const old = live.ageOf(row.seen_at);
  return old !== null && old > STALE_S + 3 * Math.max(0, live.rig.speed - 1);
}

export function iconOf(row) {
  const state = known(row.state);
  return state === "running" && (isStale(row) || !live.isLive()) ? "stale" : ICONS[state] ?? state;
}

// What may be pressed: without contact only what is tried all the same.
export const actsOf = (row) => ACTS.filter((act) => row.actions.includes(act) && (live.isLive() || act.startsWith("stop")));

export function partsOf(row) {
  const isOver = GROUPS[row.state] === "done", measured = row.voltage_v !== null;
  const left = row.left_s !== null && !isOver ? numbers.left(leftOf(row)) : "";
  const extra = row.state.startsWith("bts_") ? [t("rack.in_bts")] : [];
  if (row.claim) extra.push(t("rack.taken", { owner: row.claim.owner, moment: momentOf(row.claim.ends_at) }));
  if (row.queued.length) extra.push(t("rack.queue", { count: row.queued.length }));
  const { cycle, cycles } = row;
  return {
    channel: row.channel,
    word: wordOf(row.state),
    label: row.state === "idle" && row.cell_in ? t("rack.still_in", { label: row.cell_in }) : row.label ?? "",
    left,
    ends: row.ends_at !== null && !isOver ? momentOf(row.ends_at) : "",
    value: measured ? numbers.voltage(row.voltage_v) : "",
    age: measured ? ageText(row.record_at ?? row.seen_at) : "",
    current: row.current_a === null ? "" : numbers.current(row.current_a),
    ohm: row.resistance_ohm === null ? "" : numbers.resistance(row.resistance_ohm),
    recipe: row.recipe ?? "",
    cycle: !cycle ? "" : cycles ? t("rack.cycle_of", { cycle, cycles }) : t("rack.cycle_only", { cycle }),
    step: sentence(row.step),
    extra: extra.join(", "),
  };
}

// An end that is expected comes nearer between two frames.
const leftOf = (row) => (row.ends_at !== null && live.now() !== null ? Math.max(0, row.ends_at - live.now()) : row.left_s);

export function nameOf(parts) {
  const left = parts.left ? t("rack.left_over", { left: parts.left }) : "";
  return [parts.channel, parts.word, parts.label, parts.cycle, left].filter(Boolean).join(", ");
}

// Orders from the rack: each is asked about once, in a dialog that is bound to the run and says what is lost.
import { openDialog, toast } from "./dialogs.js";
import { newKey, order } from "./forms.js";
import * as live from "./live.js";
import { actsOf, partsOf, wordOf } from "./rack_parts.js";
import { make, t } from "./words.js";

const dialog = document.getElementById("ask");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const by = () => document.documentElement.dataset.person || "operator";
const ofRun = (end) => (row) => `runs/${row.run_id}/${end}`;
const PATHS = {
  stop: ofRun("stop"),
  stop_again: ofRun("stop"),
  hold: ofRun("hold"),
  resume: ofRun("resume"),
  plugged: ofRun("resume"),
  acknowledge: ofRun("acknowledge"),
  cell_in: ofRun("mounted"),
  cell_out: (row) => `channels/${row.channel}/empty`,
  rack_stop: () => "rack/stop",
};
// What was ordered and is not seen yet, by channel: its words, the run and the state in which it was ordered.
const sent = new Map();

// One check of a dialog's answers at a time, before anything else hears of them.
const guards = new WeakMap();
function guard(asked, check) {
  if (guards.has(asked)) asked.removeEventListener("click", guards.get(asked), true);
  guards.set(asked, check);
  asked.addEventListener("click", check, true);
}

export function buttonsFor(acts, row, isShort = false) {
  // Who looks has no dialog, and no button.
  if (!dialog) return [];
  return acts.filter((act) => PATHS[act] || hasLaunch()).map((act) => {
    const label = row.label ?? row.cell_in ?? "";
    const name = t("act.of", { act: t(`act.${act}`), label, channel: row.channel });
    if (act === "start") {
      const link = make("a", { className: "button act-start", textContent: t("act.start") });
      link.href = `/launch?channel=${encodeURIComponent(row.channel)}`;
      link.setAttribute("aria-label", name);
      return link;
    }
    const button = document.createElement("button");
    Object.assign(button, { type: "submit", name: "ask", value: `${act} ${row.channel}`, className: `act act-${act}` });
    button.setAttribute("form", "asking");
    button.setAttribute("aria-label", name);
    button.dataset.act = act;
    const said = t(`act.${act}`);
    const word = make("span", { className: "act-word", textContent: isShort ? said : t("act.asks", { act: said }) });
    button.append(word);
    return button;
  });
}

const hasLaunch = () => document.querySelector('.head a[href="/launch"]') !== null;

export function bindActs() {
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-act]");
    if (!button) return;
    const [act, channel] = button.value.split(" ");
    // Before the first frame the page of the server asks.
    if (channel ? !live.rows.has(channel) : !live.rows.size) return;
    event.preventDefault();
    ask(act, channel, button);
  });
}

export async function ask(act, channel = "", opener = null) {
  const row = live.rows.get(channel) ?? null;
  if (!dialog || dialog.open) return;
  if (act !== "rack_stop" && !row?.actions.includes(act)) return toast(t("ask.not_now"), { stays: true });
  const runs = fill(act, row);
  opener?.focus();
  const looked = document.getElementById("looked"), why = part("why");
  looked.checked = false;
  document.getElementById("note").value = "";
  why.textContent = "";
  guard(dialog, (event) => {
    // Without the tick nothing is acknowledged; the dialog stays and says so.
    if (act === "acknowledge" && event.target.closest("button[value=acknowledge]") && !looked.checked) {
      event.stopImmediatePropagation();
      why.textContent = t("ask.looked_first");
      looked.focus();
    }
  });
  const chosen = await openDialog(dialog);
  if (!PATHS[chosen]) return;
  const now = live.rows.get(channel) ?? null;
  if (row && now?.run_id !== row.run_id) return toast(t("ask.changed", { channel }), { stays: true });
  if (row && !now.actions.includes(chosen)) return toast(t("ask.not_now"), { stays: true });
  // What was seen is what stood there when the question was opened, not what came since.
  await send(chosen, now && { ...now, rev: row.rev }, document.getElementById("note").value.trim(), runs);
}

async function send(act, row, note, runs) {
  const what = row ? t("act.of", { act: t(`act.${act}`), label: row.label ?? row.cell_in ?? "", channel: row.channel }) : t("act.rack_stop");
  if (row) sent.set(row.channel, { what, run: row.run_id, state: row.state });
  const path = `/api/v1/${PATHS[act](row ? { ...row, run_id: encodeURIComponent(row.run_id ?? ""), channel: encodeURIComponent(row.channel) } : {})}`;
  const pending = toast(t("rack.sent", { what }), { stays: true });
  const answer = await order(path, bodyOf(act, row, note, runs), { key: newKey(), tell: false });
  pending?.remove();
  const isGood = answer.outcome === "sent";
  if (row && !isGood) sent.delete(row.channel);
  toast(isGood ? `${what}. ${t("order.done")}` : `${what}. ${answer.sentence}`, { stays: !isGood });
}

// The order says what its person has seen: the service refuses it once that has changed. A stop is never held up.
function bodyOf(act, row, note, runs) {
  const body = { by: by() };
  if (act === "rack_stop") body.runs = runs;
  else if (row.run_id) body.run_id = row.run_id;
  if (act === "acknowledge") body.note = note;
  if (["resume", "plugged", "cell_out"].includes(act)) body.rev = row.rev;
  return body;
}

// Puts a need off, with a reason and an end.
export function laterButton(need) {
  const button = make("button", { type: "button", className: "act act-later", textContent: t("act.asks", { act: t("act.later") }) });
  button.addEventListener("click", async () => {
    const later = document.getElementById("later"), reason = document.getElementById("later-reason"), why = document.getElementById("later-why");
    reason.value = why.textContent = "";
    guard(later, (event) => {
      if (!event.target.value || !event.target.closest("button") || reason.value.trim()) return;
      event.stopImmediatePropagation();
      why.textContent = t("later.needs_reason");
      reason.focus();
    });
    const chosen = await openDialog(later);
    if (chosen) await order(`/api/v1/needs/${encodeURIComponent(need.id)}/put-off`, { by: by(), how_long: chosen, reason: reason.value.trim() });
  });
  return button;
}

// A tile says that an order is sent until its row says what came of it.
export function sentMark(row, tile) {
  const known = sent.get(row.channel);
  if (known && (known.run !== row.run_id || known.state !== row.state)) {
    sent.delete(row.channel);
    toast(t("order.confirmed", { what: t("told.state", { channel: row.channel, label: row.label ?? "", state: wordOf(row.state) }) }));
  }
  tile.toggleAttribute("data-sent", sent.has(row.channel));
}

// Gives the runs that it names.
function fill(act, row) {
  const values = { run: row?.run_id ?? "", label: row?.label ?? row?.cell_in ?? "", channel: row?.channel ?? "" };
  const tests = [...live.rows.values()].filter((one) => one.actions.some((name) => name.startsWith("stop")));
  tests.sort((one, other) => (other.left_s ?? 0) - (one.left_s ?? 0));
  dialog.querySelector("h2").textContent = t(`ask.${act}`, { ...values, count: tests.length });
  part("lost").textContent = row && act.startsWith("stop") ? lostOf(row) : "";
  part("body").textContent = t(`body.${act === "stop_again" ? "stop" : act}`);
  part("looked").hidden = part("note").hidden = act !== "acknowledge";
  part("cells").hidden = act !== "rack_stop";
  if (act === "rack_stop")
    part("cells").replaceChildren(
      ...tests.map((one) => {
        const { left, word } = partsOf(one);
        const text = t("body.cell_left", { channel: one.channel, label: one.label ?? "", left: left || word });
        return make("li", { textContent: text });
      }),
    );
  const acts = [act === "stop" && row.actions.includes("hold") && live.isLive() ? "hold" : "", act].filter(Boolean);
  const keep = buttonOf("", t(`keep.${act}`));
  keep.dataset.harmless = "";
  dialog.querySelector(".dialog-buttons").replaceChildren(
    keep,
    ...acts.map((name) => buttonOf(name, t(`do.${name}`), name.includes("stop") ? "hurts" : "")),
  );
  return tests.flatMap((one) => one.run_id ?? []);
}

function buttonOf(value, textContent, className = "") {
  const button = make("button", { type: "button", textContent, className });
  button.setAttribute("value", value);
  return button;
}

function lostOf(row) {
  const { word, cycle, step, left } = partsOf(row);
  const values = { state: word, cycle: cycle || step || row.recipe, left };
  return t(left ? "body.where" : "body.where_short", values);
}

export const stoppable = (row) => actsOf(row).find((act) => act.startsWith("stop"));

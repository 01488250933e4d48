// What needs a person, most urgent first: made anew when it has changed, each entry keeps its place and its focus.
import * as live from "./live.js";
import { buttonsFor, laterButton } from "./rack_acts.js";
import { ACTS, fillOf, iconOf } from "./rack_parts.js";
import { momentOf, needSentence } from "./sentences.js";
import { make, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const list = document.getElementById("needs-list"), more = document.getElementById("needs-more");
const most = Number(list?.dataset.most ?? 3);
const known = new Set([...(list?.children ?? [])].map((item) => item.dataset.need));
const mayAct = document.getElementById("ask") !== null;
let waiting = [];

function lookOf(need) {
  for (const channel of need.channels) {
    const row = live.rows.get(channel);
    if (row && fillOf(row.state)) return [iconOf(row), fillOf(row.state)];
  }
  if (need.priority === "A") return ["unknown", "act"];
  return /^(unseen|no_answer)/.test(need.code) ? ["unseen", "gone"] : ["awaiting_operator", "wait"];
}

function itemOf(need, index) {
  const [icon, fill] = lookOf(need);
  const item = document.createElement("li");
  item.className = "need";
  item.dataset.need = need.id;
  item.dataset.fill = fill;
  if (index >= most) item.dataset.more = "";
  if (!known.has(need.id)) item.classList.add("is-new");
  const mark = make("span", { className: "need-mark" });
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${icon}`);
  svg.append(use);
  const { channels } = need;
  const where = !channels.length ? t("need.rig") : channels.length < 3 ? channels.join(", ") : t("need.group", { count: channels.length });
  mark.append(svg, " ", make("b", { textContent: need.label ? `${where} ${need.label}` : where }));
  item.append(mark, make("span", { className: "need-said", textContent: needSentence(need) }));
  const row = need.channels.length === 1 ? live.rows.get(need.channels[0]) : null;
  const said = item.lastChild, acts = make("span", { className: "need-acts" });
  if (mayAct) {
    if (row) acts.append(...buttonsFor(actsOf(need), row));
    if (need.priority === "B" && live.isLive() && !need.put_off) acts.append(laterButton(need));
  }
  if (need.items?.length) said.append(groupOf(need));
  if (need.put_off) said.append(" ", t("rack.put_off_by", { by: need.put_off.by, moment: momentOf(need.put_off.until_at), reason: need.put_off.reason }));
  item.append(acts);
  return item;
}

const actsOf = (need) => ACTS.filter((act) => need.actions.includes(act) && (live.isLive() || act.startsWith("stop"))).slice(0, 1);

// The channels of a line of several, each with its button.
function groupOf(need) {
  const details = document.createElement("details"), list = document.createElement("ul");
  details.append(make("summary", { textContent: t("common.show") }), list);
  for (const one of need.items) {
    const line = make("li", { textContent: `${one.channel ?? ""} ${one.label ?? ""}: ${needSentence(one)} ` });
    const row = live.rows.get(one.channel);
    if (mayAct && row) line.append(...buttonsFor(actsOf(one), row));
    list.append(line);
  }
  return details;
}

export function showNeeds(needs, isFar) {
  if (!list || !needs) return;
  const open = needs.filter((need) => !need.put_off), later = needs.filter((need) => need.put_off);
  const key = JSON.stringify([needs, live.isLive()]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const focused = document.activeElement?.closest?.("[data-need]")?.dataset.need;
  list.replaceChildren(...open.map(itemOf));
  if (focused) list.querySelector(`[data-need="${CSS.escape(focused)}"] .act`)?.focus();
  const hidden = Math.max(0, open.length - most), isOpen = document.getElementById("needs").classList.contains("needs-open");
  more.hidden = hidden === 0 || (isOpen && !isFar);
  more.firstElementChild.textContent = t("rack.more", { count: hidden });
  const off = document.getElementById("put-off");
  off.hidden = !later.length || isFar;
  off.querySelector("summary").textContent = t("rack.put_off", { count: later.length });
  off.querySelector("ul").replaceChildren(...later.map((need) => itemOf(need, 0)));
  say(open.filter((need) => !known.has(need.id)));
  known.clear();
  open.forEach((need) => known.add(need.id));
}

// A need of priority A is read at once, others in one bundle in 10 s; values are never read.
function say(fresh) {
  const textOf = (need) => `${need.channels.join(", ")} ${need.label ?? ""}: ${needSentence(need)}`;
  const urgent = fresh.filter((need) => need.priority === "A");
  if (urgent.length) document.getElementById("said-now").textContent = urgent.map(textOf).join(" ");
  sayLater(fresh.filter((need) => need.priority !== "A").map(textOf));
}

export function sayLater(texts) {
  if (!texts.length) return;
  if (!waiting.length)
    setTimeout(() => {
      document.getElementById("said").textContent = waiting.slice(0, 5).join(" ") + (waiting.length > 5 ? ` ${t("rack.more", { count: waiting.length - 5 })}` : "");
      waiting = [];
    }, 10000);
  waiting.push(...texts);
}

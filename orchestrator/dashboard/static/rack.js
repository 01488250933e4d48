// The rack: fills rows that come by the stream into the tiles (or the table) that the server has sent.
import { openDialog } from "./dialogs.js";
import * as live from "./live.js";
import { ageText } from "./sentences.js";
import { bindActs, buttonsFor, sentMark } from "./rack_acts.js";
import { bindFilter, showCounts } from "./rack_filter.js";
import { bindKeys } from "./rack_keys.js";
import { showNeeds } from "./rack_needs.js";
import { actsOf, fillOf, iconOf, isStale, nameOf, partsOf } from "./rack_parts.js";
import { bindSound, heard } from "./rack_sound.js";
import { bindSort } from "./rack_sort.js";
import { bindTraces } from "./rack_trace.js";

const wall = document.getElementById("wall");
const isFar = wall?.dataset.wall === "1";
const tiles = new Map();
for (const tile of document.querySelectorAll("[data-channel]")) {
  const parts = {};
  for (const part of tile.querySelectorAll("[data-part]")) parts[part.dataset.part] ??= part;
  tiles.set(tile.dataset.channel, { tile, parts, use: tile.querySelector(".tile-head use"), acts: "" });
}

const put = (node, text) => node && node.textContent !== text && (node.textContent = text);
const mark = (node, name, is) => (is ? node.setAttribute(name, "") : node.removeAttribute(name));

function show(row) {
  const { tile, parts, use } = tiles.get(row.channel), texts = partsOf(row);
  for (const [name, text] of Object.entries(texts)) if (name !== "channel") put(parts[name], text);
  for (const cell of tile.querySelectorAll('td[data-part="word"]')) put(cell, texts.word);
  const icon = `#i-${iconOf(row)}`;
  if (use.getAttribute("href") !== icon) use.setAttribute("href", icon);
  tile.dataset.state = row.state;
  tile.dataset.fill = fillOf(row.state);
  mark(tile, "data-stale", isStale(row));
  if (tile.hasAttribute("aria-label")) tile.setAttribute("aria-label", nameOf(texts));
  if (row.run_id) parts.channel.href = `/runs/${encodeURIComponent(row.run_id)}`;
  showActs(row);
  sentMark(row, tile);
}

function showActs(row) {
  const known = tiles.get(row.channel), acts = actsOf(row);
  const key = `${acts.join()} ${row.run_id} ${row.label}`;
  if (!known.parts.acts || known.acts === key) return;
  known.acts = key;
  const held = document.activeElement?.dataset?.act && known.tile.contains(document.activeElement);
  const { first } = known.parts, isStop = (act) => act === "stop";
  first?.replaceChildren(...buttonsFor(acts.filter((act) => !isStop(act)).slice(0, 1), row, true));
  known.parts.acts.replaceChildren(...buttonsFor(first ? acts.filter(isStop) : acts, row));
  if (held) known.tile.focus();
}

function showRows(changed) {
  if (changed.some((row) => !tiles.has(row.channel)) && live.isLive() && changed.length) return location.reload();
  changed.forEach(show);
  showCounts([...live.rows.values()], tiles);
  heard(changed);
}

// Ages and what is left go on between two frames; a value does not look fresh because nothing comes.
function tick() {
  for (const row of live.rows.values()) {
    const known = tiles.get(row.channel);
    if (!known) continue;
    if (row.voltage_v !== null) put(known.parts.age, ageText(row.record_at ?? row.seen_at));
    const stale = isStale(row);
    if (known.tile.hasAttribute("data-stale") !== stale) show(row);
  }
}

if (wall) {
  live.on("rack", showRows);
  live.on("needs", (needs) => showNeeds(needs, isFar));
  live.on("contact", () => {
    for (const row of live.rows.values()) if (tiles.has(row.channel)) show(row);
    showNeeds(live.rig.needs, isFar);
  });
  live.on("hello", (hello) => {
    // A wall has nobody to press reload; the server has just answered.
    if (isFar && hello.page && hello.page !== document.documentElement.dataset.version) reloadOnce(hello.page);
  });
  bindActs(tiles);
  bindFilter(tiles);
  bindKeys(wall, tiles);
  bindSound();
  bindSort(wall);
  bindTraces(tiles);
  setInterval(tick, 1000);
}

function reloadOnce(version) {
  if (sessionStorage.getItem("cellrig-reloaded") === version) return;
  sessionStorage.setItem("cellrig-reloaded", version);
  location.reload();
}

const keys = document.getElementById("keys");
if (keys) {
  keys.hidden = false;
  keys.addEventListener("click", () => openDialog(document.getElementById("help")));
}
document.querySelector("#needs-more button")?.addEventListener("click", () => {
  document.getElementById("needs").classList.add("needs-open");
  document.getElementById("needs-more").hidden = true;
});

// Which tiles are shown: the filter stands in the address, so that what a person sees can be sent as a link.
import * as live from "./live.js";
import { groupOf } from "./rack_parts.js";
import { t } from "./words.js";

const form = document.getElementById("filter");
const CODES = { all: "rack.all", needs: "rack.show_needs", running: "rack.show_running", done: "rack.show_done", free: "rack.show_free" };
const wanted = Object.fromEntries(
  ["show", "kind", "label", "cell", "unit"].map((name) => [name, new URLSearchParams(location.search).get(name) ?? ""]),
);

const holds = (text, part) => (text ?? "").toLowerCase().includes(part.toLowerCase());

function takes(row) {
  return (
    ["", "all", groupOf(row), row.state].includes(wanted.show) && ["", row.kind ?? ""].includes(wanted.kind) &&
    ["", row.unit].includes(wanted.unit) && holds(row.label ?? row.cell_in, wanted.label) && holds(row.cell, wanted.cell)
  );
}

export function showCounts(rows, tiles) {
  if (form) {
    const counts = { all: rows.length };
    for (const row of rows) counts[groupOf(row)] = (counts[groupOf(row)] ?? 0) + 1;
    for (const link of form.querySelectorAll("[data-show]")) {
      const text = t(CODES[link.dataset.show], { count: counts[link.dataset.show] ?? 0 });
      if (link.textContent !== text) link.textContent = text;
    }
  }
  let shown = 0;
  for (const row of rows) {
    const known = tiles.get(row.channel);
    if (!known) continue;
    const is = takes(row);
    shown += is;
    // What has the focus is not taken away under a person's hands.
    if (known.tile.hidden === is && !known.tile.contains(document.activeElement)) known.tile.hidden = !is;
  }
  document.getElementById("none-shown").hidden = shown > 0 || rows.length === 0;
  for (const unit of document.querySelectorAll(".unit")) unit.hidden = !unit.querySelector(".tile:not([hidden])");
}

export function bindFilter(tiles) {
  if (!form) return;
  document.getElementById("filter-apply").hidden = true;
  const apply = () => {
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(wanted)) value ? address.searchParams.set(name, value) : address.searchParams.delete(name);
    history.replaceState(null, "", address);
    showCounts([...live.rows.values()], tiles);
  };
  form.addEventListener("input", ({ target }) => {
    if (!(target.name in wanted)) return;
    wanted[target.name] = target.value;
    apply();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const link of form.querySelectorAll("[data-show]"))
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      wanted.show = link.dataset.show === "all" ? "" : link.dataset.show;
      for (const other of form.querySelectorAll("[data-show]"))
        other === link ? other.setAttribute("aria-current", "true") : other.removeAttribute("aria-current");
      form.elements.show.value = wanted.show;
      document.activeElement === link || link.focus();
      apply();
    });
}

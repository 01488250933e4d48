// The wall by keyboard: one tab stop, arrows from channel to channel, single letters on a focused tile only.
import { openDialog } from "./dialogs.js";
import * as live from "./live.js";
import { ask, stoppable } from "./rack_acts.js";

export function bindKeys(wall, tiles) {
  const all = [...tiles.values()].map(({ tile }) => tile).filter((tile) => tile.classList.contains("tile"));
  if (!all.length || wall.dataset.wall === "1") return;
  let stop = all.find((tile) => !tile.hidden) ?? all[0];
  stop.tabIndex = 0;
  const go = (tile) => {
    stop.tabIndex = -1;
    stop = tile;
    stop.tabIndex = 0;
    stop.focus();
  };
  wall.addEventListener("focusin", ({ target }) => {
    if (!target.classList.contains("tile") || target === stop) return;
    stop.tabIndex = -1;
    stop = target;
    stop.tabIndex = 0;
  });
  wall.addEventListener("keydown", (event) => {
    const tile = event.target;
    if (!tile.classList?.contains("tile") || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = live.rows.get(tile.dataset.channel);
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(tile), ArrowUp: -across(tile), Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      const shown = all.filter((one) => !one.hidden);
      const to = Math.min(shown.length - 1, Math.max(0, shown.indexOf(tile) + moves[event.key]));
      go(shown[to]);
    } else if (event.key === "Enter") tile.querySelector(".channel").click();
    else if (event.key === "s" && row && stoppable(row)) ask(stoppable(row), row.channel, tile);
    else if (event.key === "/") document.getElementById("filter-label")?.focus();
    else if (event.key === "?") openDialog(document.getElementById("help"));
    else return;
    event.preventDefault();
  });
}

// How many tiles stand side by side, so that the arrow down goes to the one below.
const across = (tile) => getComputedStyle(tile.parentElement).gridTemplateColumns.split(" ").length;

// The small traces of the roomy view: the voltage of the last cycles, asked once a minute, then with the live points.
import { ask } from "./forms.js";
import * as live from "./live.js";

const PERIOD_MS = 60000, MOST = 60;
const traces = new Map();

function draw(channel, tiles) {
  const svg = tiles.get(channel)?.tile.querySelector(".trace"), trace = traces.get(channel);
  if (!svg || !trace || trace.points.length < 2) return svg && svg.setAttribute("hidden", "");
  const xs = trace.points.map(([x]) => x), ys = trace.points.map(([, y]) => y);
  const x0 = Math.min(...xs), y0 = Math.min(...ys), width = Math.max(...xs) - x0 || 1, height = Math.max(...ys) - y0 || 1;
  const place = ([x, y]) => `${((x - x0) / width) * 120} ${26 - ((y - y0) / height) * 24}`;
  svg.firstElementChild.setAttribute("d", `M${trace.points.map(place).join("L")}`);
  svg.removeAttribute("hidden");
}

export function bindTraces(tiles) {
  if (!document.querySelector(".trace")) return;
  const read = async () => {
    if (document.hidden) return;
    const told = await ask("/api/v1/channels/traces").catch(() => null);
    for (const { channel, run_id, times_at, voltages } of told ?? []) {
      const points = times_at.map((at, n) => [at, voltages[n]]).filter(([, volt]) => volt !== null);
      traces.set(channel, { run: run_id, points });
      draw(channel, tiles);
    }
  };
  live.on("rack", (changed) => {
    for (const row of changed) {
      const trace = traces.get(row.channel);
      if (!trace || row.voltage_v === null || row.record_at === null) continue;
      // A trace is never that of another run.
      if (trace.run !== row.run_id) traces.set(row.channel, { run: row.run_id, points: [] });
      else if (row.record_at > (trace.points.at(-1)?.[0] ?? 0)) trace.points = [...trace.points, [row.record_at, row.voltage_v]].slice(-MOST);
      draw(row.channel, tiles);
    }
  });
  read();
  setInterval(read, PERIOD_MS);
}

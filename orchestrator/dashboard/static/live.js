// What this window knows of the rig: rows, needs, clock and contact, out of the one stream of the browser.
import { Stream } from "./live_worker.js";

const LOST_AFTER_S = 3;
const listeners = { hello: [], rack: [], needs: [], contact: [] };
export const rows = new Map();
export const rig = { zone: document.documentElement.dataset.zone || "UTC", speed: 1, hello: null, needs: null, control: null, life: null, channels: [] };
let offset = null, lastNow = null, contact = "connecting", status = 0;

// Calls ``told`` at each event: hello (rig), rack (changed rows), needs (all), contact (live, lost, signed-out, control).
export function on(kind, told) {
  listeners[kind].push(told);
}

// The rig's time in unix seconds, never behind it: null before the first frame.
export const now = () => (offset === null ? null : (Date.now() / 1000) * rig.speed - offset);
export const ageOf = (unixS) => (offset === null || unixS == null ? null : Math.max(0, now() - unixS));
// Real seconds since the newest frame was made; before the first one, since this window was loaded.
export const silence = () => (lastNow === null ? loadedFor() : (now() - lastNow) / rig.speed);
export const state = () => contact;
export const isLive = () => contact === "live";

const tell = (kind, value) => listeners[kind].forEach((told) => told(value));

function judge() {
  const quiet = silence();
  const found =
    status === 401 ? "signed-out"
    : quiet > LOST_AFTER_S ? "lost"
    : lastNow === null ? "connecting"
    : rig.control !== null && (now() - rig.control) / rig.speed > 2 * LOST_AFTER_S ? "control"
    : "live";
  if (found === contact) return;
  contact = found;
  document.documentElement.dataset.contact = found;
  tell("contact", found);
}

const loaded = Date.now();
const loadedFor = () => (Date.now() - loaded) / 1000;

function hear(kind, data) {
  if (kind === "lost") {
    if (data.status) status = data.status;
    judge();
    return;
  }
  if (kind === "state") {
    if (data.hello) hear("hello", { ...data.hello, offset: data.offset, lastNow: data.now });
    if (data.rows.length) hear("rack", { rows: data.rows, control_seen_at: data.control, life: data.life, channels: data.channels, offset: data.offset, lastNow: data.now });
    if (data.needs) hear("need", { needs: data.needs, offset: data.offset, lastNow: data.now });
    return;
  }
  status = 0;
  ({ offset, lastNow } = { offset: data.offset ?? offset, lastNow: data.lastNow ?? lastNow });
  if (kind === "hello") {
    rig.hello = data;
    if (data.zone) rig.zone = data.zone;
    if (data.speed > 0) rig.speed = data.speed;
    tell("hello", data);
  }
  if (kind === "rack") {
    rig.control = data.control_seen_at ?? rig.control;
    if (data.life && rig.life && data.life !== rig.life) rows.clear();
    rig.life = data.life ?? rig.life;
    rig.channels = data.channels ?? rig.channels;
    const changed = data.rows.filter((row) => !(row.rev < rows.get(row.channel)?.rev));
    changed.forEach((row) => rows.set(row.channel, row));
    for (const [channel, seen] of Object.entries(data.seen ?? {})) {
      const row = rows.get(channel);
      if (row) row.seen_at = seen;
    }
    judge();
    tell("rack", changed);
  }
  if (kind === "need" || data.needs) {
    rig.needs = data.needs ?? data.list ?? [];
    tell("needs", rig.needs);
  }
  judge();
}

let ask = () => {};

export function start() {
  if (typeof SharedWorker === "undefined") startAlone();
  else {
    const { port } = new SharedWorker(new URL("./live_worker.js", import.meta.url), { name: "cellrig", type: "module" });
    port.onmessage = ({ data }) => hear(data.kind, data.data);
    ask = (what) => port.postMessage(what);
    addEventListener("pagehide", () => ask("bye"));
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }
  setInterval(judge, 500);
}

// No SharedWorker: a stream of this window alone, closed while it is hidden.
function startAlone() {
  let stream = null;
  const follow = () => {
    if (document.hidden) {
      stream?.stop();
      stream = null;
    } else if (!stream) {
      stream = new Stream(hear);
      stream.run();
    }
  };
  ask = () => stream?.stop();
  document.addEventListener("visibilitychange", follow);
  follow();
}

// Signing out ends the stream of all windows.
export const end = () => ask("end");

// Sounds of alarms on a device where a person has switched them on: two tones for what is wanted now, one for today.
import * as live from "./live.js";
import { clock } from "./numbers.js";
import { sayLater } from "./rack_needs.js";
import { wordOf } from "./rack_parts.js";
import { t } from "./words.js";

const ON = "cellrig-sound", AGAIN_MS = 60000, MUTE_MS = 600000;
const button = document.getElementById("sound"), test = document.getElementById("sound-test"), mute = document.getElementById("sound-mute");
const heardNeeds = new Set();
let audio = null, mutedUntil = 0, lastUrgent = 0;
const states = new Map();

const isOn = () => audio !== null;

function tone(frequency, after) {
  if (!audio || Date.now() < mutedUntil) return;
  const source = audio.createOscillator(), gain = audio.createGain();
  source.frequency.value = frequency;
  gain.gain.value = 0.2;
  source.connect(gain).connect(audio.destination);
  source.start(audio.currentTime + after);
  source.stop(audio.currentTime + after + 0.25);
}
const urgent = () => [tone(880, 0), tone(660, 0.3)];
const today = () => tone(520, 0);

function show() {
  button.textContent = t(isOn() ? "sound.on" : "sound.off");
  button.setAttribute("aria-pressed", String(isOn()));
  test.hidden = mute.hidden = !isOn();
  const left = mutedUntil > Date.now();
  mute.textContent = left ? t("sound.muted", { time: clock(mutedUntil / 1000, live.rig.zone).slice(0, 5) }) : t("sound.mute");
}

function switchOn(is) {
  audio = is ? (audio ?? new AudioContext()) : null;
  localStorage.setItem(ON, is ? "1" : "");
  show();
}

function hear(needs) {
  const open = needs.filter((need) => !need.put_off), fresh = open.filter((need) => !heardNeeds.has(need.id));
  heardNeeds.clear();
  open.forEach((need) => heardNeeds.add(need.id));
  if (fresh.some((need) => need.priority === "A")) {
    lastUrgent = Date.now();
    urgent();
  } else if (fresh.length) today();
}

export function bindSound() {
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => switchOn(!isOn()));
  test.addEventListener("click", () => [...urgent(), setTimeout(today, 1000)]);
  mute.addEventListener("click", () => {
    mutedUntil = mutedUntil > Date.now() ? 0 : Date.now() + MUTE_MS;
    show();
  });
  // A browser lets nothing sound before a person has pressed something; who has switched it on before has it again then.
  if (localStorage.getItem(ON)) document.addEventListener("pointerdown", () => isOn() || switchOn(true), { once: true });
  live.on("needs", hear);
  setInterval(() => {
    const waits = live.rig.needs?.some((need) => need.priority === "A" && !need.put_off);
    if (isOn() && waits && Date.now() - lastUrgent >= AGAIN_MS) {
      lastUrgent = Date.now();
      urgent();
    }
    show();
  }, 5000);
  show();
}

// States that changed, for screen readers: in one bundle, and no values.
export function heard(changed) {
  const told = changed.filter((row) => states.has(row.channel) && states.get(row.channel) !== row.state);
  changed.forEach((row) => states.set(row.channel, row.state));
  sayLater(told.map((row) => `${t("told.state", { channel: row.channel, label: row.label ?? "", state: wordOf(row.state) })}.`));
}

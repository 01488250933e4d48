// The frame of every page: clock, mark of contact, count of needs, the band, theme and language.
import { age, clock, moment } from "./numbers.js";
import * as live from "./live.js";
import { t } from "./words.js";

const at = (id) => document.getElementById(id);

function showClock() {
  const now = live.now();
  if (now === null) return;
  // The day, as any other moment of this year is written.
  at("clock-day").textContent = moment(now, live.rig.zone, now - 86400 * 2).replace(/ \d\d:\d\d$/, "");
  at("clock").textContent = clock(now, live.rig.zone);
  const shown = at("clock").parentElement;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  shown.title = t("frame.clock_zone", { zone: live.rig.zone });
  if (own !== live.rig.zone) shown.title += `\n${t("frame.own_time", { time: moment(now, own, now) })}`;
}

function showContact() {
  const contact = live.state();
  const word = { live: "frame.live", connecting: "frame.connecting" }[contact] ?? "frame.no_contact";
  at("contact").textContent = t(word);
  at("contact").dataset.contact = contact;
  const code = { lost: "band.no_contact", control: "band.control", "signed-out": "band.signed_out" }[contact];
  at("band").hidden = !code;
  if (!code) return;
  const quiet = live.silence();
  const values = { age: age(quiet), time: moment(live.rig.control, live.rig.zone, live.now() ?? undefined) };
  // Only the age counts on; a live region must not be read anew each second.
  const band = at("band-text"), text = t(code, values);
  if (at("band").dataset.code !== code) {
    at("band").dataset.code = code;
    at("band-said").textContent = text;
  }
  band.textContent = text;
  at("band-sign-in").hidden = contact !== "signed-out";
}

function showNeeds(needs) {
  const mark = at("needs-count");
  mark.hidden = false;
  const count = needs.filter((need) => !need.put_off).length;
  mark.textContent = t("frame.needs", { count });
  mark.classList.toggle("has-needs", count > 0);
}

function showRig(hello) {
  const simulated = at("simulated");
  simulated.hidden = !hello.simulated;
  if (hello.simulated) simulated.textContent = hello.speed === 1 ? t("frame.simulated_now") : t("frame.simulated", { speed: Number(hello.speed).toLocaleString("en-US") });
  const mine = document.documentElement.dataset.version;
  at("new-version").hidden = !hello.page || hello.page === mine;
}

function keep(name, value) {
  document.cookie = `cellrig_${name}=${value}; path=/; max-age=31536000; samesite=strict`;
}

for (const link of document.querySelectorAll("[data-keep]"))
  link.addEventListener("click", (event) => {
    event.preventDefault();
    keep(link.dataset.keep, link.dataset.value);
    if (link.dataset.keep !== "theme") return location.reload();
    document.documentElement.dataset.theme = link.dataset.value;
    for (const other of document.querySelectorAll('[data-keep="theme"]')) other.hidden = other === link;
  });

at("reload")?.addEventListener("click", () => location.reload());
live.on("needs", showNeeds);
live.on("hello", showRig);
live.on("contact", showContact);
live.start();
setInterval(() => {
  showClock();
  if (!at("band").hidden) showContact();
}, 1000);
showContact();

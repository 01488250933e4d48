// The page Launch: checks what is chosen while it changes, and lets a scanner's Enter go from field to field.
import "./held_keys.js";
import { t } from "./words.js";

const CHECK_AFTER_MS = 300;
const form = document.getElementById("launch");
let timer = 0;
let asked = 0;
let sent = false;

const query = () => {
  const data = new URLSearchParams(new FormData(form));
  for (const name of ["csrf", "key", "check_id", "act"]) data.delete(name);
  for (const [name, value] of [...data]) if (!value) data.delete(name);
  return data;
};

// Takes the parts of a page that was made anew, but never the field in which a person writes.
function take(html) {
  const made = new DOMParser().parseFromString(html, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = made.querySelector(`[data-part="${part.dataset.part}"]`);
    const isWritten = part.contains(document.activeElement) && document.activeElement.matches("input, select");
    if (!other || (part.dataset.part === "fields" && part.dataset.of === other.dataset.of)) continue;
    if (isWritten) {
      const id = document.activeElement.id;
      if (!id || document.activeElement.matches("input:not([type=radio], [type=checkbox])")) continue;
      part.replaceWith(document.adoptNode(other));
      document.getElementById(id)?.focus();
    } else {
      part.replaceWith(document.adoptNode(other));
    }
  }
}

async function check() {
  const own = ++asked;
  clearTimeout(timer);
  const follows = document.querySelector('[data-part="follows"]');
  follows?.setAttribute("aria-busy", "true");
  const data = query();
  try {
    const answer = await fetch(`/launch?${data}`, { headers: { "X-Cellrig": "1" } });
    const html = await answer.text();
    // An old answer never replaces a newer one.
    if (own !== asked || sent) return;
    if (!answer.ok) throw new Error(String(answer.status));
    take(html);
    history.replaceState(null, "", `/launch?${data}`);
  } catch {
    if (own !== asked) return;
    follows?.setAttribute("aria-busy", "false");
    forbid(t("launch.not_checked"));
  }
}

// What was not checked cannot be started.
function forbid(words) {
  document.getElementById("start")?.remove();
  const line = document.querySelector(".start-line p");
  if (line) line.textContent = words;
}

function changed() {
  document.getElementById("start")?.setAttribute("disabled", "");
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER_MS);
}

// Recipe, then cell, then channel, then the button: a scanner ends with Enter.
async function next(field) {
  if (field.id !== "f-recipe" && field.id !== "f-cell" && !field.name.startsWith("set:")) await check();
  const after = { "f-recipe": "f-cell", "f-cell": "f-channel" }[field.id] ?? (field.name.startsWith("set:") ? "f-cell" : "start");
  if (field.id === "f-recipe" || after === "f-cell") {
    document.getElementById(after)?.focus();
    check();
    return;
  }
  await check();
  const channel = document.getElementById("f-channel");
  const facts = document.getElementById("f-facts");
  const goal = facts && !facts.value ? facts : channel.value ? document.getElementById("start") : channel;
  (goal ?? field).focus();
}

form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("input:not([type=radio], [type=checkbox])")) return;
  event.preventDefault();
  next(event.target);
});
form.addEventListener("input", (event) => {
  if (event.target.name?.startsWith("confirm:") || event.target.name === "second_person") return;
  changed();
});
form.addEventListener("submit", (event) => {
  // A second click on one button sends nothing.
  if (sent) event.preventDefault();
  sent = true;
  clearTimeout(timer);
});
addEventListener("pageshow", () => (sent = false));
// While the service is out of sight nothing is started; when it is back, what follows is asked anew.
new MutationObserver(() => {
  const contact = document.documentElement.dataset.contact;
  if (contact === "lost" || contact === "control" || contact === "signed-out") {
    document.getElementById("start")?.setAttribute("disabled", "");
  } else if (contact === "live" && document.getElementById("start")?.disabled) {
    check();
  }
}).observe(document.documentElement, { attributes: true, attributeFilter: ["data-contact"] });
for (const field of document.querySelectorAll("[autofocus]")) field.select?.();

// The editors of recipes and cells: what is written is checked 400 ms after the last key, and saved without leaving it.
import { t } from "./words.js";

const CHECK_AFTER_MS = 400;
const form = document.getElementById("editor");
const text = document.getElementById("f-text");
let timer = 0;
let asked = 0;

// Sends the form; an old answer never replaces a newer one, and what is written stays whatever comes of it.
async function send(act) {
  const own = ++asked;
  clearTimeout(timer);
  const data = new URLSearchParams(new FormData(form));
  data.set("act", act);
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-Cellrig": "1" } });
    if (answer.redirected && act !== "check") return location.assign(answer.url);
    const html = await answer.text();
    const made = new DOMParser().parseFromString(html, "text/html");
    if (own !== asked) return;
    if (!made.getElementById("editor")) throw new Error(String(answer.status));
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = made.querySelector(`[data-part="${part.dataset.part}"]`);
      const focused = part.contains(document.activeElement) ? document.activeElement.value : null;
      if (!other) continue;
      part.replaceWith(document.adoptNode(other));
      if (focused !== null) [...other.querySelectorAll("button, a")].find((one) => one.value === focused)?.focus();
    }
    shown();
  } catch {
    if (own !== asked) return;
    const line = document.createElement("p");
    line.className = "sentence refusal";
    line.role = "alert";
    line.textContent = t(act === "check" ? "recipes.not_checked" : "recipes.not_saved");
    document.querySelector('[data-part="save"] > .refusal')?.remove();
    document.querySelector('[data-part="save"]').prepend(line);
  }
}

// Shows the help of the key at the cursor: the last one that begins before it, else the first of its line.
function helped() {
  const all = [...document.querySelectorAll("[data-lines]")];
  const before = text.value.slice(0, text.selectionStart).split("\n");
  const now = before.length;
  let best = all[0];
  let at = 0;
  for (const one of all) {
    for (const place of one.dataset.lines.split(" ").filter(Boolean)) {
      const [line, column] = place.split(":").map(Number);
      if (line > now || (line === now && column > before.at(-1).length && Math.floor(at) === now)) continue;
      const order = line + (line === now && column > before.at(-1).length ? 0 : (column + 1) / 1e5);
      if (order > at) [at, best] = [order, one];
    }
  }
  for (const one of all) one.hidden = one !== best;
}

// The lines with their numbers, and a mark at those where something is wrong.
function shown() {
  for (const button of document.querySelectorAll("button.check")) button.hidden = true;
  if (!text) return;
  const bad = new Set([...document.querySelectorAll("[data-line]")].map((one) => +one.dataset.line));
  const count = text.value.split("\n").length;
  text.rows = count + 1;
  document.querySelector(".gutter").textContent = Array.from({ length: count }, (_, n) => `${bad.has(n + 1) ? "! " : ""}${n + 1}`).join("\n");
  helped();
}

function goTo(line) {
  const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  const end = text.value.indexOf("\n", before);
  text.focus();
  text.setSelectionRange(before, end < 0 ? text.value.length : end);
  const box = text.parentElement;
  box.scrollTop = ((line - 4) * text.scrollHeight) / text.rows;
  helped();
}

form.addEventListener("input", () => {
  shown();
  clearTimeout(timer);
  timer = setTimeout(() => send("check"), CHECK_AFTER_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.submitter?.value || "check");
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-line]");
  if (!link || !text) return;
  event.preventDefault();
  goTo(+link.dataset.line);
});
for (const kind of ["keyup", "click"]) text?.addEventListener(kind, helped);
shown();
// What is typed from now on is checked.
form.dataset.listens = "";

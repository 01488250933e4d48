// The page Launch list: checks what is pasted, and sends the list once.
import "./held_keys.js";
import { t } from "./words.js";

const CHECK_AFTER_MS = 400;
const form = document.getElementById("launch-list");
const part = () => form.querySelector('[data-part="answers"]');
let timer = 0;
let asked = 0;
let sent = false;

async function check() {
  const own = ++asked;
  clearTimeout(timer);
  if (!form.elements.lines.value.trim()) return;
  part().setAttribute("aria-busy", "true");
  const data = new URLSearchParams(new FormData(form));
  data.set("act", "check");
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-Cellrig": "1" } });
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    // An old answer never replaces a newer one.
    if (own !== asked || sent) return;
    const other = made.querySelector('[data-part="answers"]');
    if (!other) throw new Error(String(answer.status));
    part().replaceWith(document.adoptNode(other));
  } catch {
    if (own === asked) part().textContent = t("launch.not_checked");
  }
}

form.addEventListener("input", () => {
  document.getElementById("start")?.setAttribute("disabled", "");
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER_MS);
});
form.addEventListener("submit", (event) => {
  // A second click on one button sends nothing.
  if (sent) event.preventDefault();
  sent = true;
  clearTimeout(timer);
});
addEventListener("pageshow", () => (sent = false));

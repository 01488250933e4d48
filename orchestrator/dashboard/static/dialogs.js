// Dialogs that ask once before something is done: focus on the harmless answer, no click in the first 300 ms.
import { make, t } from "./words.js";
const DEAF_MS = 300;

// Opens a <dialog> and gives what was chosen: the value of its button, "" for Escape.
export function openDialog(dialog) {
  return new Promise((chosen) => {
    const opened = performance.now(), before = document.activeElement;
    const isDeaf = (event) => performance.now() - opened < DEAF_MS || event.repeat === true;
    const choose = (value) => {
      dialog.removeEventListener("click", clicked);
      dialog.removeEventListener("mousedown", pressed);
      dialog.removeEventListener("keydown", typed, true);
      dialog.removeEventListener("cancel", cancelled);
      dialog.close();
      before?.focus?.();
      chosen(value);
    };
    const clicked = (event) => {
      const button = event.target.closest("button[value]");
      if (!button || !dialog.contains(button)) return;
      event.preventDefault();
      if (isDeaf(event) || button.getAttribute("aria-disabled") === "true") return;
      choose(button.value);
    };
    // The second click of a double click takes the focus from nothing.
    const pressed = (event) => isDeaf(event) && event.preventDefault();
    const typed = (event) => {
      if ((event.key === "Enter" || event.key === " ") && isDeaf(event)) event.preventDefault();
    };
    const cancelled = (event) => {
      event.preventDefault();
      choose("");
    };
    dialog.addEventListener("click", clicked);
    dialog.addEventListener("mousedown", pressed);
    dialog.addEventListener("keydown", typed, true);
    dialog.addEventListener("cancel", cancelled);
    dialog.showModal();
    (dialog.querySelector("[data-harmless]") ?? dialog).focus();
  });
}

// A short answer to one's own act: confirmations go after 5 s, refusals stay until they are closed.
export function toast(text, { stays = false } = {}) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.className = stays ? "toast toast-stays" : "toast";
  note.append(make("span", { textContent: text }));
  if (stays) {
    const close = make("button", { type: "button", textContent: t("common.close") });
    close.addEventListener("click", () => note.remove());
    note.append(close);
  } else setTimeout(() => note.remove(), 5000);
  place.append(note);
  return note;
}

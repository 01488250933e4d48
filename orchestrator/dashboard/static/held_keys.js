// Enter that is held down presses a button once: it goes on to none that gets the focus meanwhile, such as the one that
// starts a test behind a scanned cell.
addEventListener(
  "keydown",
  (event) => {
    if (event.repeat && event.key === "Enter" && event.target.closest?.("button, a, summary")) event.preventDefault();
  },
  true,
);

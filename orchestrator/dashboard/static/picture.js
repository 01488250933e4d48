// A picture of a page: asks for the numbers, draws them, and keeps the address of the page that of what is shown.
import { Chart } from "./charts.js";
import { ask } from "./forms.js";
import * as live from "./live.js";
import { t } from "./words.js";

const LIVE_MS = 10000;

class Picture {
  constructor(figure) {
    this.figure = figure;
    this.query = new URLSearchParams(figure.dataset.query);
    this.said = figure.querySelector(".picture-said");
    this.chart = new Chart(figure.querySelector(".picture-chart"), { asked: (window) => this.zoom(window) });
    this.turn = 0;
    this.scale = this.query.get("x") === "time" ? 3600 : 1;
    for (const button of figure.querySelectorAll("[data-move]"))
      button.addEventListener("click", () => this.chart.move(button.dataset.move));
    this.load();
    if (figure.dataset.live) this.follow();
  }

  get isOverTime() {
    return ["time", "clock"].includes(this.query.get("x") ?? "time");
  }

  get window() {
    const from = this.query.get("from"), to = this.query.get("to");
    return from === null || to === null ? null : [Number(from) / this.scale, Number(to) / this.scale];
  }

  // Asks for the numbers of the present window. An old answer never replaces a newer one.
  async load({ quiet = false } = {}) {
    const turn = ++this.turn;
    if (!quiet) this.say(this.chart.picture ? "" : t("common.loading"));
    const query = new URLSearchParams(this.query);
    const window = this.window;
    if (window && this.isOverTime) {
      // One window more on each side, so that a move shows something at once.
      const width = Number(query.get("to")) - Number(query.get("from"));
      query.set("from", Number(query.get("from")) - width);
      query.set("to", Number(query.get("to")) + width);
      query.set("points", 6000);
    }
    let picture;
    try {
      picture = await ask(`/api/v1/picture?${query}`);
    } catch (failure) {
      if (turn === this.turn) this.say(failure.message);
      return;
    }
    if (turn !== this.turn || !picture.runs.some((run) => this.query.getAll("runs").includes(run.run))) return;
    this.chart.show(picture, this.isOverTime ? window : this.cut);
    this.say(picture.remarks.join(" "));
    this.figure.dataset.state = "drawn";
  }

  zoom(window) {
    if (!this.isOverTime) {
      this.cut = window;
      return this.chart.show(this.chart.picture, window);
    }
    for (const [name, value] of [["from", window?.[0]], ["to", window?.[1]]]) {
      if (value === undefined) this.query.delete(name);
      else this.query.set(name, Math.round(value * this.scale * 1000) / 1000);
    }
    if (this.chart.picture) this.chart.show(this.chart.picture, window);
    this.remember();
    this.load({ quiet: true });
  }

  // The address of the page, and those of the files, are those of this window.
  remember() {
    const here = new URLSearchParams(location.search);
    for (const name of ["from", "to"]) {
      if (this.query.has(name)) here.set(name, this.query.get(name));
      else here.delete(name);
    }
    history.replaceState(null, "", `?${here}`);
    for (const link of this.figure.querySelectorAll("[data-as]")) {
      const query = new URLSearchParams(this.query);
      query.set("as", link.dataset.as);
      link.href = `/api/v1/picture?${query}`;
    }
  }

  follow() {
    setInterval(() => {
      const to = this.query.get("to");
      if (document.hidden || !live.isLive() || (to !== null && this.window)) return;
      this.load({ quiet: true });
    }, LIVE_MS);
  }

  say(text) {
    this.said.textContent = text;
    this.said.hidden = !text;
  }
}

for (const figure of document.querySelectorAll("figure[data-query]")) figure.picture = new Picture(figure);

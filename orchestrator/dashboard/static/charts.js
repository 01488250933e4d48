// Draws a picture of numbers with uPlot: one plot a panel, one x for all, zoom by drag, buttons and keys.
import { colours, drawBehind, drawCurve, drawEnds, drawMarks } from "./chart_looks.js";
import { clockTicks, summary, table, unitOf, valueText, words } from "./chart_words.js";
import { t } from "./words.js";

const ROW_PX = 74, LEAST_PX = 150, AXIS_PX = 32, LABEL_PX = 22, END_PX = 96, NARROW_PX = 560;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const STEP = { in: 0.5, out: 2, pan: 0.5 };

const known = (values) => values.filter((value) => value != null);

function rangeOf(values, isLog, room = 0.04) {
  const there = known(values);
  if (!there.length) return [0, 1];
  let low = Math.min(...chunked(there, Math.min)), high = Math.max(...chunked(there, Math.max));
  if (isLog) return [low / 1.3, high * 1.3];
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  return [low - room * (high - low), high + room * (high - low)];
}

// Math.min of a hundred thousand arguments is too many for a browser.
function chunked(values, of) {
  const found = [];
  for (let n = 0; n < values.length; n += 5000) found.push(of(...values.slice(n, n + 5000)));
  return found;
}

// A curve is named at its end where several are to be told apart.
function named(picture, panel) {
  const quantities = new Set(panel.lines.map((line) => line.y_axis.quantity));
  const apart = quantities.size > 1 && !panel.lines.some((line) => line.y_axis.quantity.endsWith("-fit"));
  return panel.lines.map((line) => {
    const word = apart ? t(`quantity.${line.y_axis.quantity}.short`) : "";
    // Of a run's several quantities the last one bears its name.
    const isLast = panel.lines.findLast((one) => one.run === line.run && one.name === line.name) === line;
    const end = panel.lines.length < 2 || !line.name ? "" : picture.runs.length > 1 ? (isLast ? line.name : "") : apart ? word : line.name;
    const say = (text) => text.replace(/cycle (\d+)/, (_, cycle) => t("chart.cycle", { cycle }));
    return { ...line, name: say(line.name), end: say(end) };
  });
}

export class Chart {
  // ``asked`` is called with [from, to] in the picture's x when a window is chosen, and with null for all.
  constructor(element, { asked = () => {} } = {}) {
    this.element = element;
    this.asked = asked;
    this.plots = [];
    this.picture = null;
    element.classList.add("chart");
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.addEventListener("keydown", (event) => this.typed(event));
    new ResizeObserver(() => this.fit()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    new MutationObserver(() => this.redraw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  show(picture, window = null) {
    this.picture = picture;
    this.window = window;
    this.redraw();
  }

  get isOverTime() {
    return ["time", "clock"].includes(this.picture?.shown);
  }

  redraw() {
    if (!this.picture) return;
    this.plots.forEach((plot) => plot.destroy());
    const palette = colours(this.element);
    const said = summary(this.picture, this.window);
    this.element.replaceChildren();
    this.element.setAttribute("aria-label", said);
    const read = document.createElement("output");
    read.className = "chart-read quiet";
    read.setAttribute("aria-live", "off");
    const shared = new Set(this.picture.panels.map((panel) => panel.x_axis.quantity)).size === 1;
    const all = shared ? this.picture.panels.flatMap((panel) => panel.lines) : null;
    this.plots = this.picture.panels.map((panel, n) => this.plot(panel, n, palette, all, read));
    this.element.append(read, note(said), table(this.picture));
  }

  plot(panel, number, palette, all, read) {
    const place = document.createElement("div");
    place.className = "chart-panel";
    this.element.append(place);
    const lines = named(this.picture, panel), ratio = devicePixelRatio;
    const xs = this.window ?? rangeOf((all ?? lines).flatMap((line) => line.x), panel.log_x, this.isOverTime ? 0 : 0.02);
    const isLast = number === this.picture.panels.length - 1 || panel.x_axis.quantity !== this.picture.panels[number + 1].x_axis.quantity;
    const shown = this.window ? lines.flatMap((line) => line.y.filter((_, n) => line.x[n] >= xs[0] && line.x[n] <= xs[1])) : lines.flatMap((line) => line.y);
    const near = panel.limits.map(([value]) => value);
    let ys = panel.right_range ?? rangeOf([...shown, ...near], panel.log_y, 0.06);
    const narrow = this.element.clientWidth < NARROW_PX;
    const right = !narrow && this.picture.panels.some((one) => named(this.picture, one).some((line) => line.end)) ? END_PX : 14;
    const size = this.sizeOf(panel, isLast);
    let x = xs;
    if (panel.equal) [x, ys] = equal(xs, ys, size.width - 62 - LABEL_PX - right, size.height - AXIS_PX - LABEL_PX - 10);
    const axis = (side, words, log, extra = {}) => ({
      scale: side, label: words, labelSize: LABEL_PX, labelFont: "13px system-ui, sans-serif", font: "12.5px system-ui, sans-serif",
      stroke: palette.ink, grid: { stroke: palette.line, width: 0.5 }, ticks: { stroke: palette.line, width: 0.5 },
      ...(log ? { splits: (_, n, low, high) => logTicks(low, high, side === "y"), filter: (_, ticks) => ticks, values: (_, ticks) => ticks.map(plain) } : {}),
      ...extra,
    });
    const isClock = panel.x_axis.quantity === "clock", isCount = panel.x_axis.quantity === "cycle";
    const xAxis = {
      size: isLast ? AXIS_PX : 8, ...(isClock ? { space: 90 } : { space: 56 }), ...(isCount ? { incrs: WHOLE } : {}),
      ...(isLast ? (panel.log_x ? {} : { values: isClock ? (_, ticks) => clockTicks(ticks) : plainTicks }) : { values: (_, ticks) => ticks.map(() => "") }),
    };
    const options = {
      mode: 2, ...size, padding: [10, right, 0, 0], legend: { show: false },
      scales: {
        x: { time: isClock, auto: false, distr: panel.log_x ? 3 : 1, range: () => x },
        y: { auto: false, distr: panel.log_y ? 3 : 1, range: () => ys },
      },
      axes: [
        axis("x", isLast ? words(panel.x_axis) : null, panel.log_x, xAxis),
        axis("y", words(panel.y_axis), panel.log_y, { size: 62, space: 26, ...(panel.log_y ? {} : { values: plainTicks }) }),
      ],
      series: [null, ...lines.map(() => ({ facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }], paths: () => null, points: { show: false } }))],
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), document.documentElement.dataset.zone || "UTC"),
      cursor: { drag: { x: this.canZoom(panel), y: false, setScale: false }, points: { show: false }, y: false },
      hooks: {
        drawClear: [(u) => drawBehind(u, number === 0 || this.isOverTime ? this.picture : { bands: [] }, panel, palette, ratio)],
        draw: [(u) => {
          lines.forEach((line) => drawCurve(u, line, palette, ratio));
          if (number === 0) drawMarks(u, this.picture.marks, palette, ratio);
          if (!narrow) drawEnds(u, lines, palette, ratio);
        }],
        setSelect: [(u) => {
          if (u.select.width < 4) return;
          this.ask([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
        setCursor: [(u) => this.read(u, lines, panel, read)],
      },
    };
    const plot = new uPlot(options, [null, ...lines.map((line) => [line.x, line.y])], place);
    plot.panel = [panel, isLast, x];
    return plot;
  }

  canZoom(panel) {
    return !panel.equal && !panel.log_x;
  }

  sizeOf(panel, isLast) {
    const width = Math.max(240, this.element.clientWidth - 2);
    const height = panel.equal ? Math.min(width * 0.75, 460) : Math.max(LEAST_PX, ROW_PX * panel.height) + (isLast ? AXIS_PX + LABEL_PX : 0);
    return { width, height };
  }

  fit() {
    if (!this.plots.length || Math.abs(this.plots[0].width - this.sizeOf(this.plots[0].panel[0], false).width) < 2) return;
    this.redraw();
  }

  // Says what lies under the pointer: the nearest point of each curve.
  read(u, lines, panel, output) {
    if (u.cursor.left < 0) return (output.textContent = "");
    const x = u.posToVal(u.cursor.left, "x"), y = u.posToVal(u.cursor.top, "y");
    const [dx, dy] = [u.scales.x.max - u.scales.x.min, u.scales.y.max - u.scales.y.min];
    const mark = this.picture.marks.find((one) => Math.abs(u.valToPos(one.x, "x") - u.cursor.left) < 5);
    if (mark && panel === this.picture.panels[0] && u.cursor.top > u.over.clientHeight - 24) return (output.textContent = mark.words);
    let best = null, least = Infinity;
    for (const line of lines)
      line.x.forEach((at, n) => {
        if (at == null || line.y[n] == null) return;
        const far = ((at - x) / dx) ** 2 + ((line.y[n] - y) / dy / 4) ** 2;
        if (far < least) [best, least] = [{ line, n }, far];
      });
    if (!best) return;
    const { line, n } = best, at = `${valueText(panel.x_axis, line.x[n])}${unitOf(panel.x_axis)}`;
    const name = [line.name || line.run, line.curve].filter(Boolean).join(", ");
    output.textContent = `${name}: ${at}, ${t(`quantity.${line.y_axis.quantity}`)} ${valueText(line.y_axis, line.y[n])}${unitOf(line.y_axis)}`;
  }

  ask(window) {
    this.asked(window);
  }

  // Zooms and moves the window: + and -, arrows, 0 for all.
  move(what) {
    const plot = this.plots[0];
    if (!plot || !this.canZoom(plot.panel[0])) return;
    if (what === "all") return this.ask(null);
    const [from, to] = plot.panel[2], middle = (from + to) / 2, half = (to - from) / 2;
    const shift = what === "left" ? -STEP.pan * (to - from) : what === "right" ? STEP.pan * (to - from) : 0;
    const width = half * (STEP[what] ?? 1);
    this.ask([middle - width + shift, middle + width + shift]);
  }

  typed(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const what = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" }[event.key];
    if (!what) return;
    event.preventDefault();
    this.move(what);
  }
}

const plain = (value) => String(Number(value.toPrecision(6)));
// Of a logarithmic axis the decades are named, upwards also twice and five times of each.
function logTicks(low, high, dense) {
  const found = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
    for (const times of dense ? [1, 2, 5] : [1]) found.push(times * 10 ** decade);
  return found.filter((tick) => tick >= low && tick <= high);
}
const plainTicks = (_, ticks) => ticks.map((tick) => (tick == null ? "" : plain(tick).replace("-", "\u2212")));

// One scale for both axes: the shorter one is widened about its middle.
function equal(xs, ys, width, height) {
  const each = Math.max((xs[1] - xs[0]) / width, (ys[1] - ys[0]) / height);
  const about = ([low, high], px) => [(low + high) / 2 - (each * px) / 2, (low + high) / 2 + (each * px) / 2];
  return [about(xs, width), about(ys, height)];
}

function note(text) {
  const said = document.createElement("p");
  said.className = "chart-said";
  said.textContent = text;
  return said;
}

export function drawChart(element, picture, options = {}) {
  const chart = new Chart(element, options);
  chart.show(picture, options.window ?? null);
  return chart;
}

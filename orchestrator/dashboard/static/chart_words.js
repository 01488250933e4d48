// What a picture says to those who do not look: a sentence for each panel, and its numbers as a table.
import { NOT_MEASURED, clock, moment } from "./numbers.js";
import { has, lang, t } from "./words.js";

const MOST_ROWS = 300;
const PRINTED = { "mAh/cm2": "mAh/cm²", ohm: "Ω", deg: "°" };
const DECIMALS = { V: 4, mV: 2, "%": 2, "mAh/g": 2, "mAh/cm2": 4 };

const printed = (unit) => PRINTED[unit] ?? unit;
export const unitOf = (axis) => (axis.unit ? `\u00a0${printed(axis.unit)}` : "");
export const nameOf = (axis) => (has(`quantity.${axis.quantity}`) ? t(`quantity.${axis.quantity}`) : axis.quantity);
export const words = (axis) => (axis.unit ? `${nameOf(axis)} / ${printed(axis.unit)}` : nameOf(axis));

const zone = () => document.documentElement.dataset.zone || "UTC";

export function valueText(axis, value) {
  if (value == null) return NOT_MEASURED;
  if (axis.quantity === "clock") return `${moment(value, zone()).replace(/\d\d:\d\d$/, "")}${clock(value, zone())}`;
  const decimals = DECIMALS[axis.unit];
  const text = decimals === undefined ? String(Number(value.toPrecision(5))) : value.toFixed(decimals);
  return text.replace("-", "\u2212");
}

// Times of day in the lab's zone; midnight is told by its day.
export function clockTicks(ticks) {
  const say = (options) => new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", { timeZone: zone(), hourCycle: "h23", ...options });
  const time = say({ hour: "2-digit", minute: "2-digit" }), day = say({ day: "numeric", month: "short" });
  return ticks.map((tick) => {
    const text = time.format(tick * 1000);
    return text === "00:00" ? day.format(tick * 1000) : text;
  });
}

function extremes(lines, of) {
  let low = Infinity, high = -Infinity;
  for (const line of lines) for (const value of line[of]) if (value != null) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

function within(line, window) {
  if (!window) return line;
  const inside = (_, n) => line.x[n] >= window[0] && line.x[n] <= window[1];
  return { ...line, x: line.x.filter(inside), y: line.y.filter(inside) };
}

// A sentence a panel: over what, from which value to which, and the last.
export function summary(picture, window = null) {
  const said = picture.panels.map((panel) => {
    const lines = panel.lines.map((line) => within(line, window)).filter((line) => line.y.some((value) => value != null));
    if (!lines.length) return "";
    const [low, high] = extremes(lines, "y"), [from, to] = extremes(lines, "x"), last = lines[0].y.findLast((value) => value != null);
    const unit = unitOf(panel.y_axis);
    const values = {
      what: nameOf(panel.y_axis), low: valueText(panel.y_axis, low) + unit, high: valueText(panel.y_axis, high) + unit,
      from: valueText(panel.x_axis, from), to: valueText(panel.x_axis, to) + unitOf(panel.x_axis), over: nameOf(panel.x_axis),
      last: valueText(panel.y_axis, last) + unit,
    };
    return t(lines.length === 1 ? "chart.summary_one" : "chart.summary", values);
  });
  const thinned = picture.records > picture.drawn && picture.drawn ? t("chart.thinned", { drawn: picture.drawn.toLocaleString("en-US"), records: picture.records.toLocaleString("en-US") }) : "";
  return [...said, thinned].filter(Boolean).join(" ");
}

// The numbers of a picture, made when they are asked for.
export function table(picture) {
  const details = document.createElement("details");
  details.className = "chart-table";
  details.append(Object.assign(document.createElement("summary"), { textContent: t("chart.table") }));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) for (const panel of picture.panels) details.append(tableOf(panel, picture));
  });
  return details;
}

function tableOf(panel, picture) {
  const place = Object.assign(document.createElement("div"), { className: "scroll" });
  const made = document.createElement("table"), head = made.createTHead().insertRow(), body = made.createTBody();
  const cell = (row, text, kind = "td", name = "number") => {
    const one = Object.assign(document.createElement(kind), { textContent: text, className: name });
    if (kind === "th") one.scope = "col";
    row.append(one);
  };
  cell(head, t("chart.curve"), "th", "");
  cell(head, words(panel.x_axis), "th");
  cell(head, words(panel.y_axis), "th");
  const rows = panel.lines.flatMap((line) => line.x.map((x, n) => [line, x, line.y[n]])).filter(([, x, y]) => x != null && y != null);
  const each = Math.max(1, Math.ceil(rows.length / MOST_ROWS));
  for (const [line, x, y] of rows.filter((_, n) => n % each === 0)) {
    const row = body.insertRow();
    const quantity = line.y_axis.quantity === panel.y_axis.quantity ? "" : nameOf(line.y_axis);
    cell(row, [picture.runs.length > 1 ? line.name || line.run : "", line.curve, quantity].filter(Boolean).join(", ") || line.name, "td", "");
    cell(row, valueText(panel.x_axis, x));
    cell(row, valueText(line.y_axis, y));
  }
  if (each > 1) place.append(Object.assign(document.createElement("p"), { className: "quiet", textContent: t("chart.every", { each }) }));
  place.append(made);
  return place;
}

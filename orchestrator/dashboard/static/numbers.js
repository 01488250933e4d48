// Writes measured values, durations and moments for people, as orchestrator/dashboard/numbers.py does.
import { t } from "./words.js";

export const NOT_MEASURED = "\u2013";
const MINUS = "\u2212", SPACE = "\u00a0";
const DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60;

const ABSURD = 1e15;

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function told(fixed, isNegative, unit, signed) {
  let [whole, decimals] = fixed.split(".");
  if (Number(whole) >= 10000) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const isZero = Number(fixed) === 0;
  const sign = isNegative && !isZero ? MINUS : signed ? "+" : "";
  return sign + whole + (decimals ? "." + decimals : "") + SPACE + unit;
}

function fixed(value, decimals, unit, signed = true) {
  if (!isNumber(value)) return NOT_MEASURED;
  if (Math.abs(value) >= ABSURD) return absurd(value, unit, signed);
  return told(Math.abs(value).toFixed(decimals), value < 0, unit, signed);
}

function significant(value, digits, unit, signed = true, factor = 1) {
  if (!isNumber(value)) return NOT_MEASURED;
  const size = Math.abs(value * factor);
  if (size >= ABSURD) return absurd(value * factor, unit, signed);
  const exponent = size === 0 ? 0 : Number(size.toExponential(digits - 1).split("e")[1]);
  return told(size.toFixed(Math.min(100, Math.max(0, digits - 1 - exponent))), value < 0, unit, signed);
}

const absurd = (value, unit, signed) =>
  isNumber(value) ? (value < 0 ? MINUS : signed ? "+" : "") + Math.abs(value).toExponential(2) + SPACE + unit : NOT_MEASURED;

export const voltage = (v) => fixed(v, 4, "V");
export const current = (a) =>
  isNumber(a) && a !== 0 && Math.abs(a) < 1e-5 ? significant(a, 4, "µA", true, 1e6) : significant(a, 4, "mA", true, 1e3);
export const resistance = (ohm) => significant(ohm, 3, "Ω", false);
export const capacity = (mah) => significant(mah, 4, "mAh", false);
export const specific = (mahPerG) => fixed(mahPerG, 2, "mAh/g", false);
export const areal = (mahPerCm2) => fixed(mahPerCm2, 3, "mAh/cm²", false);
export const percent = (value, decimals = 2) => fixed(value, decimals, "%", false);
export const c_rate = (rate) => significant(rate, 2, "C", false);

export function left(s) {
  if (!isNumber(s)) return NOT_MEASURED;
  const whole = Math.max(0, Math.trunc(s));
  if (whole >= DAY_S) return t("left.days", { days: Math.floor(whole / DAY_S), hours: Math.floor((whole % DAY_S) / HOUR_S) });
  if (whole >= HOUR_S)
    return t("left.hours", { hours: Math.floor(whole / HOUR_S), minutes: Math.floor((whole % HOUR_S) / MINUTE_S) });
  return whole >= MINUTE_S ? t("left.minutes", { minutes: Math.floor(whole / MINUTE_S) }) : t("left.soon");
}

export function age(s) {
  if (!isNumber(s)) return NOT_MEASURED;
  const whole = Math.max(0, Math.trunc(s));
  if (whole >= DAY_S) return t("age.days", { days: Math.floor(whole / DAY_S) });
  if (whole >= HOUR_S) return t("age.hours", { hours: Math.floor(whole / HOUR_S) });
  return whole >= MINUTE_S ? t("age.minutes", { minutes: Math.floor(whole / MINUTE_S) }) : t("age.seconds", { seconds: whole });
}

const AMOUNTS = [["_v", 4, "V", 1], ["_a", 4, "mA", 1e3], ["_ohm", 3, "Ω", 1], ["_w", 4, "mW", 1e3], ["_ah", 4, "mAh", 1e3], ["_ma", 4, "mA", 1], ["_h", 4, "h", 1]];

// A value of a sentence, by the unit at the end of its name.
export function amount(name, value, zone = "UTC", now) {
  if (!isNumber(value)) return value == null ? "" : String(value);
  if (/_unix_s$|_at$/.test(name)) return moment(value, zone, now);
  if (name.endsWith("_s")) return left(value);
  for (const [ending, digits, unit, factor] of AMOUNTS)
    if (name.endsWith(ending)) {
      const [number, of] = significant(value, digits, unit, false, factor).split(SPACE);
      return (number.includes(".") ? number.replace(/\.?0+$/, "") : number) + SPACE + of;
    }
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
}

const formats = new Map();

function parts(unixS, zone) {
  if (!formats.has(zone)) {
    const options = { year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    let format;
    try {
      format = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone: "UTC" });
    }
    formats.set(zone, format);
  }
  const found = {};
  for (const part of formats.get(zone).formatToParts(new Date(unixS * 1000))) found[part.type] = part.value;
  return found;
}

// The moment in a zone; without ``now`` with its day and year.
export function moment(unixS, zone, now) {
  if (!isNumber(unixS)) return NOT_MEASURED;
  const then = parts(unixS, zone), today = isNumber(now) ? parts(now, zone) : null;
  const time = `${then.hour}:${then.minute}`;
  if (today && today.day === then.day && today.month === then.month && today.year === then.year) return time;
  const date = new Date(Date.UTC(Number(then.year), Number(then.month) - 1, Number(then.day)));
  const values = {
    weekday: t("weekdays").split(" ")[(date.getUTCDay() + 6) % 7],
    month: t("months").split(" ")[Number(then.month) - 1],
    day: Number(then.day),
    year: Number(then.year),
    time,
  };
  return t(today && today.year === then.year ? "moment.day" : "moment.year", values);
}

// The time of day with seconds, for the clock of the header.
export function clock(unixS, zone) {
  const { hour, minute, second } = parts(unixS, zone);
  return `${hour}:${minute}:${second}`;
}

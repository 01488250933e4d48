// Tells a code with its values as a sentence, as orchestrator/dashboard/sentences.py does.
import * as live from "./live.js";
import { age, amount, moment } from "./numbers.js";
import { has, t, text } from "./words.js";

const isWhole = (code, values) => [...text(code).matchAll(/\{(\w+)\}/g)].every(([, name]) => Object.hasOwn(values, name));

export function sentence(told) {
  if (!told) return "";
  const values = told.values ?? {};
  if (!has(told.code) || !isWhole(told.code, values)) return told.text || values.name || "";
  const shown = {};
  for (const [name, value] of Object.entries(values)) {
    // A step has its direction in its word.
    const size = told.code.startsWith("step.") && typeof value === "number" ? Math.abs(value) : value;
    shown[name] = amount(name, size, live.rig.zone, live.now());
  }
  return t(told.code, shown);
}

export function needSentence(told) {
  if (has(told.code) && isWhole(told.code, told.values ?? {})) return sentence(told);
  const known = `need.${told.code.split(".")[0]}`;
  const stored = (told.text ?? "").replace(/[. ]+$/, "") || t("need.no_text");
  return t(has(known) ? known : "need.other", { text: stored });
}

export const momentOf = (unixS) => moment(unixS, live.rig.zone, live.now());

export const ageText = (unixS) => age(live.ageOf(unixS));

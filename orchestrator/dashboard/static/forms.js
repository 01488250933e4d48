// Sends orders without leaving the page, and says what came of each: sent, confirmed or refused with the reason.
import { toast } from "./dialogs.js";
import { t } from "./words.js";

const ANSWER_MS = 20000;

// One key for one act of a person: the same order sent twice is carried out once.
export const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");

// Sends an order and gives {outcome: "sent" | "refused" | "not-sent" | "signed-out", status, body, sentence}.
export async function order(path, body = {}, { key = newKey(), tell = true } = {}) {
  const found = await send(path, body, key);
  if (tell) toast(found.sentence, { stays: found.outcome !== "sent" });
  return found;
}

async function send(path, body, key) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Cellrig": "1", "Idempotency-Key": key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch (failure) {
    const code = failure.name === "TimeoutError" ? "order.not_known" : "order.not_sent";
    return { outcome: "not-sent", status: 0, body: null, sentence: t(code) };
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok) return { outcome: "sent", status: answer.status, body: told, sentence: t("order.sent") };
  if (answer.status === 401) return { outcome: "signed-out", status: 401, body: told, sentence: t("order.signed_out") };
  const reason = told?.error ?? `HTTP ${answer.status}`;
  if (answer.status === 503) return { outcome: "not-sent", status: 503, body: told, sentence: reason };
  return { outcome: "refused", status: answer.status, body: told, sentence: t("order.refused", { reason }) };
}

// Reads JSON of this service, at most two questions at a time. Throws an Error with the service's sentence.
let running = 0;
const waiting = [];
export async function ask(path, options = {}) {
  if (running >= 2) await new Promise((turn) => waiting.push(turn));
  running += 1;
  try {
    const answer = await fetch(path, { headers: { "X-Cellrig": "1" }, ...options });
    const told = await answer.json().catch(() => null);
    if (!answer.ok) throw Object.assign(new Error(told?.error ?? `HTTP ${answer.status}`), { status: answer.status });
    return told;
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

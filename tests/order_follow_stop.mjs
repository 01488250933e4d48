// Orders a run, follows it until it has records, and stops it, with a client that was generated from the document.
// Gets the address of the service, its token and the client's module; writes what it has seen as JSON.

const [url, token, module] = process.argv.slice(2);
const { Client } = await import(module);
const cellrig = new Client(url, token);

const order = {
  recipe: "li-li-0.2", cell: "coated-li-li", channel: "21-1-3", label: "A17", by: "node", "Idempotency-Key": crypto.randomUUID(),
};
const run = await cellrig.start(order);
const again = await cellrig.start(order);

const states = new Set();
for await (const { event, data } of cellrig.live()) {
  if (event !== "run" || data.run_id !== run.run_id) continue;
  states.add(data.state);
  if (data.state === "running" && data.samples > 0) break;
}

const running = await cellrig.runs({ state: ["running", "unseen"], label: "A17", since: "2026-01-01" });
const { columns, rows } = await cellrig.samples({ run_id: run.run_id, limit: 1 });
let stop = await cellrig.stop({ run_id: run.run_id, by: "node" });
while (stop.pending) stop = (await cellrig.one_channel({ channel: run.channel })).stop;

const refused = {};
for (const [name, ask] of Object.entries({
  unknown_run: () => cellrig.one_run({ run_id: "R999999" }),
  unknown_key: () => cellrig.runs({ stat: "running" }),
  wrong_token: () => new Client(url, "x").status(),
})) {
  await ask().catch((error) => { refused[name] = [error.status, error.message]; });
}

console.log(JSON.stringify({
  run, again, states: [...states], running: running.runs.map((it) => it.run_id),
  sample: Object.fromEntries(columns.map((name, n) => [name, rows[0][n]])),
  stop, ended: await cellrig.one_run({ run_id: run.run_id }), refused,
}));
process.exit();

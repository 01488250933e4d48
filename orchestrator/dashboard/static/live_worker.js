// One stream for all windows of a browser: keeps the newest state, and hands every frame to each window.
// Runs as a SharedWorker, or (live.js imports it) inside a page of a browser that has none.
const ADDRESS = "/api/v1/live?stream=rack";
const RETRIES_S = [0.5, 1, 2, 4, 5];
const SILENT_MS = 6000;

export class Stream {
  constructor(tell) {
    this.tell = tell;
    this.hello = null;
    this.rows = new Map();
    this.needs = null;
    this.failures = 0;
    this.ended = false;
    this.abort = null;
    // The smallest difference between this clock (times the rig's speed) and the rig's: the least that a frame was late.
    this.offset = null;
    this.lastNow = null;
    this.rev = null;
  }

  speed() {
    return this.hello?.speed > 0 ? this.hello.speed : 1;
  }

  state() {
    const rows = [...this.rows.values()];
    return { hello: this.hello, rows, needs: this.needs, offset: this.offset, now: this.lastNow, control: this.control ?? null, life: this.life, channels: this.channels };
  }

  async run() {
    while (!this.ended) {
      const opened = Date.now();
      const status = await this.read().catch(() => 0);
      if (this.ended) return;
      this.tell("lost", { status });
      if (Date.now() - opened > 10000) this.failures = 0;
      const wait = RETRIES_S[Math.min(this.failures++, RETRIES_S.length - 1)] * (0.8 + 0.4 * Math.random());
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, wait * 1000);
      });
    }
  }

  stop() {
    this.ended = true;
    this.abort?.abort();
    this.wake?.();
  }

  async read() {
    this.abort = new AbortController();
    let heard = Date.now();
    const watch = setInterval(() => Date.now() - heard > SILENT_MS && this.abort.abort(), 1000);
    try {
      const answer = await fetch(ADDRESS, { headers: { "X-Cellrig": "1" }, cache: "no-store", signal: this.abort.signal });
      if (!answer.ok) return answer.status;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return 0;
        heard = Date.now();
        const pieces = (rest + value).split("\n\n");
        rest = pieces.pop();
        for (const piece of pieces) this.take(piece);
      }
    } finally {
      clearInterval(watch);
    }
  }

  take(piece) {
    let kind = "message", text = "";
    for (const line of piece.split("\n")) {
      if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) text += line.slice(6);
    }
    if (text) this.frame(kind, JSON.parse(text));
  }

  frame(kind, data) {
    if (kind === "hello") {
      // Another service may stand there now: its clock begins anew.
      if (this.hello && this.hello.speed !== data.speed) this.forget();
      this.hello = data;
    }
    if (typeof data.now === "number") this.measure(data.now);
    if (kind === "rack") this.merge(data);
    if (kind === "need") this.needs = data.needs ?? data.list ?? [];
    this.tell(kind, { ...data, offset: this.offset, lastNow: this.lastNow });
  }

  measure(now) {
    const difference = (Date.now() / 1000) * this.speed() - now;
    if (this.offset === null || difference < this.offset) this.offset = difference;
    this.lastNow = Math.max(this.lastNow ?? now, now);
  }

  merge(data) {
    // Another life of control counts its revisions anew.
    if (data.life && this.life && data.life !== this.life) this.rows.clear();
    this.life = data.life ?? this.life;
    this.control = data.control_seen_at ?? this.control;
    // Rows older than the row that is shown are dropped: frames can come out of order after an outage.
    data.rows = (data.rows ?? []).filter((row) => {
      const shown = this.rows.get(row.channel);
      return !shown || !(row.rev < shown.rev);
    });
    for (const row of data.rows) this.rows.set(row.channel, row);
    for (const [channel, seen] of Object.entries(data.seen ?? {})) {
      const row = this.rows.get(channel);
      if (row) row.seen_at = seen;
    }
    if (data.channels) this.channels = data.channels;
    if (data.needs) this.needs = data.needs;
  }

  forget() {
    this.rows.clear();
    this.offset = this.lastNow = null;
  }
}

if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope) {
  const ports = new Set();
  const stream = new Stream((kind, data) => ports.forEach((port) => port.postMessage({ kind, data })));
  self.onconnect = ({ ports: [port] }) => {
    ports.add(port);
    port.onmessage = ({ data }) => {
      if (data === "bye") ports.delete(port);
      if (data === "end") stream.stop();
      if (!ports.size || stream.ended) {
        stream.stop();
        self.close();
      }
    };
    port.postMessage({ kind: "state", data: stream.state() });
  };
  stream.run();
}

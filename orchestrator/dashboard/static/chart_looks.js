// How curves, spans and marks look: each curve has a colour, a dash and a marker of its own, so that none counts alone.
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
const LOOKS = 7;
const SIZE = 3.4;

// The colours of this page as they are now: light and dark have their own.
export function colours(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    ink: of("--ink"), quiet: of("--quiet"), line: of("--line"), ground: of("--tile"),
    curves: Array.from({ length: LOOKS }, (_, n) => of(`--curve-${n}`)),
  };
}

export const colourOf = (palette, look) => palette.curves[look % LOOKS];
// Curves with markers differ by these; from the eighth on colours come again, with another dash.
const dashOf = (line) => line.y_axis.quantity.endsWith("-fit") ? [] : DASHES[(line.points ? Math.floor(line.look / LOOKS) : line.look) % DASHES.length];

const SHAPES = [
  (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
  (c, x, y, r) => c.rect(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r),
  (c, x, y, r) => polygon(c, x, y, 1.25 * r, 4, 0),
  (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, 0),
  (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, Math.PI),
  (c, x, y, r) => polygon(c, x, y, 1.2 * r, 6, 0),
  (c, x, y, r) => polygon(c, x, y, 1.2 * r, 5, 0),
];

function polygon(c, x, y, r, corners, turn) {
  for (let n = 0; n < corners; n++) {
    const angle = turn - Math.PI / 2 + (2 * Math.PI * n) / corners;
    c[n ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  c.closePath();
}

// Draws one curve point by point, also one that turns back; a missing value breaks it.
export function drawCurve(u, line, palette, ratio) {
  const c = u.ctx, colour = colourOf(palette, line.look), pen = { moved: false };
  const { left, top, width, height } = u.bbox;
  c.save();
  c.beginPath();
  c.rect(left - 2, top - 2, width + 4, height + 4);
  c.clip();
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = (line.points ? 1 : 1.4) * ratio;
  c.setLineDash(dashOf(line).map((n) => n * ratio));
  const at = [];
  c.beginPath();
  line.x.forEach((x, n) => {
    const y = line.y[n];
    if (x == null || y == null) return (pen.moved = false);
    const px = u.valToPos(x, "x", true), py = u.valToPos(y, "y", true);
    at.push([px, py]);
    c[pen.moved ? "lineTo" : "moveTo"](px, py);
    pen.moved = true;
  });
  if (line.line) c.stroke();
  if (line.points || at.length === 1) drawPoints(c, at, line, colour, palette, ratio);
  c.restore();
}

function drawPoints(c, at, line, colour, palette, ratio) {
  const size = (at.length > 150 ? 0.6 : 1) * SIZE * ratio;
  c.setLineDash([]);
  c.lineWidth = 1.2 * ratio;
  c.fillStyle = line.hollow ? palette.ground : colour;
  for (const [x, y] of at) {
    c.beginPath();
    SHAPES[(line.shape ?? line.look) % SHAPES.length](c, x, y, size);
    c.fill();
    c.stroke();
  }
}

// Draws what lies behind the curves: spans hatched, limits dashed.
export function drawBehind(u, picture, panel, palette, ratio) {
  const c = u.ctx, { left, top, width, height } = u.bbox;
  c.save();
  c.beginPath();
  c.rect(left, top, width, height);
  c.clip();
  c.strokeStyle = palette.line;
  c.lineWidth = ratio;
  for (const band of picture.bands) {
    const from = u.valToPos(band.begin, "x", true), to = Math.max(from + 2 * ratio, u.valToPos(band.end, "x", true));
    if (to < left || from > left + width) continue;
    hatch(c, Math.max(from, left), Math.min(to, left + width), top, height, ratio);
  }
  c.setLineDash([5 * ratio, 4 * ratio]);
  c.strokeStyle = c.fillStyle = palette.quiet;
  for (const [value] of panel.limits) {
    const y = u.valToPos(value, "y", true);
    c.beginPath();
    c.moveTo(left, y);
    c.lineTo(left + width, y);
    c.stroke();
  }
  c.restore();
}

function hatch(c, from, to, top, height, ratio) {
  c.save();
  c.beginPath();
  c.rect(from, top, to - from, height);
  c.clip();
  c.beginPath();
  for (let x = from - height; x < to; x += 7 * ratio) {
    c.moveTo(x, top + height);
    c.lineTo(x + height, top);
  }
  c.stroke();
  c.restore();
}

// Marks what happened on the axis of x: a triangle each, with its number where there are few.
export function drawMarks(u, marks, palette, ratio) {
  const c = u.ctx, { left, top, width, height } = u.bbox;
  c.save();
  c.fillStyle = palette.ink;
  for (const mark of marks) {
    const x = u.valToPos(mark.x, "x", true);
    if (x < left - 1 || x > left + width + 1) continue;
    c.beginPath();
    polygon(c, x, top + height - 4 * ratio, (mark.kind === "note" ? 3 : 4.2) * ratio, mark.kind === "note" ? 4 : 3, 0);
    c.fill();
  }
  c.restore();
}

// As much of a name as there is room for.
function fitting(c, name, room) {
  let text = name;
  while (text.length > 3 && c.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
  return text;
}

// Names curves at their ends, without one name over another.
export function drawEnds(u, lines, palette, ratio) {
  const c = u.ctx, { left, top, width, height } = u.bbox, row = 13 * ratio;
  const ends = lines.filter((line) => line.end).map((line) => {
    const last = line.y.findLastIndex((y, n) => y != null && line.x[n] != null);
    return last < 0 ? null : { line, y: Math.min(top + height, Math.max(top, u.valToPos(line.y[last], "y", true))) };
  }).filter(Boolean).sort((a, b) => a.y - b.y);
  ends.forEach((end, n) => { if (n) end.y = Math.max(end.y, ends[n - 1].y + row); });
  const over = ends.length ? ends.at(-1).y - (top + height) : 0;
  c.save();
  c.font = `${12.5 * ratio}px system-ui, sans-serif`;
  c.textBaseline = "middle";
  c.textAlign = "left";
  for (const { line, y } of ends) {
    c.fillStyle = c.strokeStyle = colourOf(palette, line.look);
    const x = left + width + 6 * ratio;
    c.fillText(fitting(c, line.end, c.canvas.width - x), x, y - Math.max(0, over));
  }
  c.restore();
}

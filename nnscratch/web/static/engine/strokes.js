// Which strokes of a drawing make which digit: pictures/several/strokes.py, merging.py and reading_order.py.
//
// A group is a list of strokes' numbers; a box is [left, top, right, bottom] in pixels of the canvas.

import { clip, inkOf, least, most, normalizeDigit } from './digit.js';
import { renderCropped } from './drawing.js';

const [CANVAS, MOST] = [500, 50]; // pixels; digits in a drawing
const FINE = 0.25; // brushes between the points by which strokes are compared
const LOW = 0.3; // times the tallest digit's height: what is lower is a dot, a dash or a blot
const [HALF, WIDEST, OVERLAP, STROKES] = [0.5, 1.7, 0.3, 4]; // of a digit that touches others
const MOST_CUT = 20; // strokes: what has more is a scribble
const [SURE, FEWER] = [0.99, 0.99]; // not cut; times as good is a way with one part more
const [OVER, NEAR, LONG, PART] = [0.5, 0.3, 1.2, 0.5]; // pieces of one digit above one another
const [ASIDE, UNLIKE] = [0.15, 0.75]; // and side by side

const height = (box) => box[3] - box[1];
const width = (box) => box[2] - box[0];
const shared = (a, b, axis) => Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]); // below 0: a gap

// The digits of strokes [[[x, y], ...], ...] in reading order, each { box, ink, image: Uint8Array(784), steps }.
// single: all is one digit. read(images) tells how well each reads, 0..1. Throws an Error for more than 50.
export function digitsInStrokes(strokes, brush, { single = false, read }) {
  const drawing = drawnInk(strokes, brush, read);
  let groups = single ? [drawing.all] : touching(drawing, brush);
  if (groups.length > MOST) {
    throw new Error(`about ${groups.length} digits were found, and at most ${MOST} are read: draw fewer`);
  }
  groups = groups.filter((group) => group.length && drawing.digit(group).ink);
  if (!single) groups = merged(groups, drawing);
  if (!single && drawing.all.length > 1) {
    groups = mergedByReading(groups, drawing).flatMap((group) => cut(group, drawing));
    const tallest = most(groups.map((group) => height(drawing.box(group))));
    const tall = groups.filter((group) => height(drawing.box(group)) >= LOW * tallest);
    groups = tall.length > 1 && !drawing.score(tall).some((score) => score > 0) ? [groups.flat()] : tall;
  }
  return inOrder(groups, drawing.box).map(drawing.digit);
}

// The strokes that come to the canvas, and what groups of them look like; each group is drawn and read once.
function drawnInk(strokes, brush, read) {
  const reach = brush / 2;
  const isNear = (point) => point.every((value) => value > -reach && value < CANVAS + reach);
  const inside = strokes
    .filter((stroke) => stroke.some(isNear))
    .map((stroke) => stroke.map((point) => point.map((value) => clip(value, -brush, CANVAS + brush))));
  const boxes = inside.map((stroke) => {
    const along = [0, 1].map((axis) => stroke.map((point) => point[axis]));
    const low = along.map((values) => Math.floor(Math.max(least(values) - reach, 0)));
    return [...low, ...along.map((values) => Math.ceil(Math.min(most(values) + reach, CANVAS)))];
  });
  const sides = (group, side) => group.map((number) => boxes[number][side]);
  const box = (group) => [least, least, most, most].map((choose, side) => choose(sides(group, side)));
  const known = new Map();
  function digit(group) {
    const key = [...group].sort((a, b) => a - b);
    if (!known.has(`${key}`)) {
      const ink = inkOf(renderCropped(key.map((number) => inside[number]), brush));
      const steps = ink && normalizeDigit(ink);
      known.set(`${key}`, { box: box(group), ink, steps, image: steps?.mnist });
    }
    return known.get(`${key}`);
  }
  function score(groups) {
    const digits = groups.map(digit);
    const unread = digits.filter((one) => one.score === undefined);
    if (unread.length) read(unread.map((one) => one.image)).forEach((value, k) => (unread[k].score = value));
    return digits.map((one) => one.score);
  }
  return { strokes: inside, all: inside.map((_, number) => number), box, digit, score };
}

// The strokes in groups of those that touch.
function touching({ strokes, all, box }, brush) {
  const points = strokes.map((stroke) => finely(stroke, FINE * brush));
  const boxes = all.map((number) => box([number]));
  const near = (p, q) => (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 <= brush ** 2;
  const mayTouch = (a, b) => [0, 1].every((axis) => shared(boxes[a], boxes[b], axis) >= 0);
  const touch = (a, b) => mayTouch(a, b) && points[a].some((p) => points[b].some((q) => near(p, q)));
  let groupOf = [...all];
  for (const b of all) {
    for (let a = 0; a < b; a++) {
      const [into, from] = [groupOf[a], groupOf[b]];
      if (into !== from && touch(a, b)) groupOf = groupOf.map((one) => (one === from ? into : one));
    }
  }
  return [...new Set(groupOf)].map((number) => all.filter((one) => groupOf[one] === number));
}

function finely(stroke, step) {
  return stroke.flatMap(([x, y], k) => {
    const [fromX, fromY] = stroke[Math.max(k - 1, 0)];
    const count = Math.max(Math.ceil(Math.hypot(x - fromX, y - fromY) / step), 1);
    const at = (share) => [fromX + (x - fromX) * share, fromY + (y - fromY) * share];
    return Array.from({ length: count }, (_, i) => at((i + 1) / count));
  });
}

// ---- pieces that make one digit

function merged(groups, { box }) {
  const done = [];
  for (let group of groups) {
    const next = () => done.findIndex((other) => isOne(box(group), box(other)));
    for (let k = next(); k >= 0; k = next()) group = [...done.splice(k, 1)[0], ...group];
    done.push(group);
  }
  return done;
}

// One above the other and near: a 5 and its bar, but not a 7 above a 3.
function isOne(a, b) {
  const [lower, taller] = [height(a), height(b)].sort((x, y) => x - y);
  const [narrower, wider] = [width(a), width(b)].sort((x, y) => x - y);
  const gap = -shared(a, b, 1);
  if (shared(a, b, 0) < OVER * narrower || gap > NEAR * taller || wider > LONG * taller) return false;
  return lower < PART * taller || gap < 0;
}

// In rounds: pairs that read better together than the worse of them does alone, the best first.
function mergedByReading(groups, drawing) {
  for (;;) {
    const boxes = groups.map(drawing.box);
    const tallest = most(boxes.map(height));
    const better = [];
    for (let b = 0; b < groups.length; b++) {
      for (let a = 0; a < b; a++) {
        if (!mayBeOne(boxes[a], boxes[b])) continue;
        const apart = [a, b].filter((k) => height(boxes[k]) >= LOW * tallest).map((k) => groups[k]);
        const [together, ...alone] = drawing.score([[...groups[a], ...groups[b]], ...apart]);
        if (together >= (alone.length ? least(alone) : 0)) better.push({ a, b, together });
      }
    }
    if (!better.length) return groups;
    const gone = new Set();
    const joined = [];
    for (const { a, b } of better.sort((x, y) => y.together - x.together)) {
      if (gone.has(a) || gone.has(b)) continue;
      joined.push([...groups[a], ...groups[b]]);
      gone.add(a).add(b);
    }
    groups = [...groups.filter((_, k) => !gone.has(k)), ...joined];
  }
}

function mayBeOne(a, b) {
  const [across, down] = [0, 1].map((axis) => -shared(a, b, axis));
  const [lower, taller] = [height(a), height(b)].sort((x, y) => x - y);
  return across < 0 ? down <= NEAR * taller : Math.max(across, down) <= ASIDE * taller && lower < UNLIKE * taller;
}

// ---- digits that touch

// The group, or the parts of it, from left to right, of which the worst reads best.
function cut(group, { box, score }) {
  const whole = box(group);
  const [own] = score([group]);
  const ordered = [...group].sort((a, b) => box([a])[0] + box([a])[2] - box([b])[0] - box([b])[2]);
  const parts = [];
  for (let stop = 1; stop <= ordered.length && ordered.length <= MOST_CUT; stop++) {
    for (let start = Math.max(stop - STROKES, 0); start < stop; start++) {
      const part = ordered.slice(start, stop);
      const [high, wide] = [height(box(part)), width(box(part))];
      if (high >= HALF * height(whole) && wide <= WIDEST * high) parts.push({ start, stop, part });
    }
  }
  if (parts.length < 3 || (own >= SURE && width(whole) <= height(whole))) return [group];
  const scores = score(parts.map(({ part }) => part));
  const ways = new Map([[0, { worst: 1, digits: [] }]]); // to each place between strokes
  parts.forEach(({ start, stop, part }, k) => {
    const before = ways.get(start);
    if (!before || (before.digits.length && !areApart(box(before.digits.at(-1)), box(part)))) return;
    const worst = FEWER * Math.min(before.worst, scores[k]);
    if (worst > (ways.get(stop)?.worst ?? 0)) ways.set(stop, { worst, digits: [...before.digits, part] });
  });
  const best = ways.get(ordered.length);
  return best && best.worst > own ? best.digits : [group];
}

const areApart = (a, b) => a[2] - b[0] <= OVERLAP * Math.min(width(a), width(b));

// ---- the order of reading

// Line by line, each from left to right: a box goes on the line whose last box shares half of the lower one's height.
function inOrder(groups, box) {
  const share = (a, b) => shared(a, b, 1) / Math.min(height(a), height(b));
  const lines = [];
  for (const item of groups.map((group) => ({ group, box: box(group) })).sort((a, b) => a.box[0] - b.box[0])) {
    const shares = lines.map((line) => share(line.at(-1).box, item.box));
    const top = most(shares);
    if (top >= 0.5) lines[shares.indexOf(top)].push(item);
    else lines.push([item]);
  }
  const middle = ({ box: [left, up, right, down] }) => [(left + right) / 2, (up + down) / 2];
  const longest = lines.reduce((best, line) => (line.length > best.length ? line : best), []);
  const [[x0, y0], [x1, y1]] = longest.length ? [longest[0], longest.at(-1)].map(middle) : [[0, 0], [0, 0]];
  const slant = longest.length > 2 && x1 > x0 ? (y1 - y0) / (x1 - x0) : 0;
  const level = (line) => line.map(middle).reduce((sum, [x, y]) => sum + y - slant * x, 0) / line.length;
  return lines.sort((a, b) => level(a) - level(b)).flatMap((line) => line.map(({ group }) => group));
}

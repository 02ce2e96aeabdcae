// Which strokes of a drawing make which digit: pictures/several/strokes.py, merging.py and reading_order.py.
//
// A group is some of the strokes: { numbers, box: [left, top, right, bottom] in pixels of the canvas, ink(), steps(),
// score() }. What it looks like, and how well it reads, is found out when it is asked for, and once.

import { inkOf, least, most, normalizeDigit } from './digit.js';
import { boxOf, CANVAS, clipped, renderCropped } from './drawing.js';

const MOST = 50; // digits in a drawing
const FINE = 0.25; // brushes between the points by which strokes are compared
const LOW = 0.3; // times the tallest digit's height: what is lower is a dot, a dash or a blot
const [HALF, WIDEST, OVERLAP, STROKES] = [0.5, 1.7, 0.3, 4]; // of a digit that touches others
const MOST_CUT = 20; // strokes: what has more is a scribble
const [SURE, FEWER] = [0.99, 0.99]; // not cut; times as good is a way with one part more
const [OVER, NEAR, LONG, PART] = [0.5, 0.3, 1.2, 0.5]; // pieces of one digit above one another
const [ASIDE, UNLIKE] = [0.15, 0.75]; // and side by side

const width = ({ box }) => box[2] - box[0];
const height = ({ box }) => box[3] - box[1];
const gap = (a, b, axis) => Math.max(a.box[axis], b.box[axis]) - Math.min(a.box[axis + 2], b.box[axis + 2]);
const ordered = (a, b) => [Math.min(a, b), Math.max(a, b)];

// The digits of strokes [[[x, y], ...], ...] in reading order, each { box: [left, top, width, height], steps, image:
// Uint8Array(784) }. single: all is one digit. read(image) says how well it reads, 0..1. Throws an Error for over 50.
export function digitsInStrokes(strokes, brush, { single = false, read }) {
  const isNear = (point) => point.every((value) => value > -brush / 2 && value < CANVAS + brush / 2);
  const inside = clipped(strokes, brush).filter((stroke) => stroke.some(isNear));
  const groupOf = grouping(inside, brush, read);
  const together = (...groups) => groupOf(groups.flatMap(({ numbers }) => numbers));
  const each = inside.map((_, number) => groupOf([number]));
  let groups = single ? [together(...each)] : touching(each, inside, brush, together);
  if (groups.length > MOST) {
    throw new Error(`about ${groups.length} digits were found, and at most ${MOST} are read: draw fewer`);
  }
  groups = groups.filter(({ ink }) => ink());
  if (!single) groups = joined(groups, isOne, together);
  if (!single && each.length > 1) {
    groups = joinedByReading(groups, together).flatMap((group) => cut(group, groupOf));
    const tall = tallOf(groups);
    groups = tall.length > 1 && tall.every(({ score }) => score() === 0) ? [together(...groups)] : tall;
  }
  return inOrder(groups).map((group) => ({
    box: [...group.box.slice(0, 2), width(group), height(group)],
    steps: group.steps(),
    image: group.steps().mnist,
  }));
}

// Makes groups of strokes by their numbers, of the same numbers the same.
function grouping(strokes, brush, read) {
  const known = new Map();
  return (numbers) => {
    const key = [...numbers].sort((a, b) => a - b);
    if (!known.has(`${key}`)) {
      const mine = key.map((number) => strokes[number]);
      const [low, high] = boxOf(mine, brush);
      const picture = once(() => renderCropped(mine, brush));
      const ink = once(() => inkOf(picture()));
      const steps = once(() => normalizeDigit(ink() ?? picture()));
      const score = once(() => read(steps().mnist));
      known.set(`${key}`, { numbers: key, box: [...low.map(Math.floor), ...high.map(Math.ceil)], ink, steps, score });
    }
    return known.get(`${key}`);
  };
}

function once(find) {
  let found;
  return () => (found === undefined ? (found = find()) : found);
}

// Those that are no dots, dashes or blots beside the tallest.
function tallOf(groups, of = groups) {
  const tallest = most(groups.map(height));
  return of.filter((group) => height(group) >= LOW * tallest);
}

// ---- pieces that make one digit

// The groups, of which those that belong together are put together, and then what belongs to these.
function joined(groups, belong, together) {
  const done = [];
  for (let group of groups) {
    const next = () => done.findIndex((other) => belong(other, group));
    for (let k = next(); k >= 0; k = next()) group = together(...done.splice(k, 1), group);
    done.push(group);
  }
  return done;
}

// The strokes in groups of those that touch.
function touching(each, strokes, brush, together) {
  const points = strokes.map((stroke) => finely(stroke, FINE * brush));
  const near = (p, q) => (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 <= brush ** 2;
  const meet = (a, b) => [0, 1].every((axis) => gap(each[a], each[b], axis) <= 0);
  const touch = (a, b) => meet(a, b) && points[a].some((p) => points[b].some((q) => near(p, q)));
  const belong = (one, other) => one.numbers.some((a) => other.numbers.some((b) => touch(a, b)));
  return joined(each, belong, together).sort((one, other) => one.numbers[0] - other.numbers[0]);
}

// A stroke with points between its own, so that none is farther from the next than a step.
function finely(stroke, step) {
  return stroke.flatMap(([x, y], k) => {
    const [fromX, fromY] = stroke[Math.max(k - 1, 0)];
    const count = Math.max(Math.ceil(Math.hypot(x - fromX, y - fromY) / step), 1);
    const at = (share) => [fromX + (x - fromX) * share, fromY + (y - fromY) * share];
    return Array.from({ length: count }, (_, i) => at((i + 1) / count));
  });
}

// One above the other and near: a 5 and its bar, but not a 7 above a 3.
function isOne(a, b) {
  const [[lower, taller], [narrower, wider]] = [ordered(height(a), height(b)), ordered(width(a), width(b))];
  const down = gap(a, b, 1);
  if (-gap(a, b, 0) < OVER * narrower || down > NEAR * taller || wider > LONG * taller) return false;
  return lower < PART * taller || down < 0;
}

// In rounds: pairs that read better together than the worse of them does alone, the best first.
function joinedByReading(groups, together) {
  for (;;) {
    const pairs = groups.flatMap((b, k) => groups.slice(0, k).map((a) => [a, b])).filter(mayBeOne);
    const better = pairs.filter((pair) => {
      const alone = tallOf(groups, pair);
      return !alone.length || alone.some(({ score }) => score() <= together(...pair).score());
    });
    if (!better.length) return groups;
    for (const pair of better.sort((x, y) => together(...y).score() - together(...x).score())) {
      const others = groups.filter((group) => !pair.includes(group));
      if (others.length === groups.length - 2) groups = [...others, together(...pair)];
    }
  }
}

function mayBeOne([a, b]) {
  const [across, down] = [gap(a, b, 0), gap(a, b, 1)];
  const [lower, taller] = ordered(height(a), height(b));
  return across < 0 ? down <= NEAR * taller : Math.max(across, down) <= ASIDE * taller && lower < UNLIKE * taller;
}

// ---- digits that touch

// The group, or the parts of it, from left to right, of which the worst reads best.
function cut(group, groupOf) {
  const isSure = group.score() >= SURE && width(group) <= height(group);
  if (isSure || group.numbers.length > MOST_CUT) return [group];
  const [middle, numbers] = [({ box: [left, , right] }) => left + right, [...group.numbers]];
  numbers.sort((a, b) => middle(groupOf([a])) - middle(groupOf([b])));
  const isDigit = (part) => height(part) >= HALF * height(group) && width(part) <= WIDEST * height(part);
  const areApart = (a, b) => !a || -gap(a, b, 0) <= OVERLAP * Math.min(width(a), width(b));
  const ways = [{ worst: 1, digits: [] }]; // to each place between strokes
  for (let stop = 1; stop <= numbers.length; stop++) {
    for (let start = Math.max(stop - STROKES, 0); start < stop; start++) {
      const [before, part] = [ways[start], groupOf(numbers.slice(start, stop))];
      if (!before || !isDigit(part) || !areApart(before.digits.at(-1), part)) continue;
      const worst = FEWER * Math.min(before.worst, part.score());
      if (worst > (ways[stop]?.worst ?? 0)) ways[stop] = { worst, digits: [...before.digits, part] };
    }
  }
  const best = ways[numbers.length];
  return best?.worst > group.score() ? best.digits : [group];
}

// ---- the order of reading

// Line by line, each from left to right: a box goes on the line whose last box shares half of the lower one's height.
// Lines go down the page by how far each is below the slant of the longest.
function inOrder(groups) {
  const lines = [];
  for (const group of [...groups].sort((a, b) => a.box[0] - b.box[0])) {
    const share = (other) => -gap(other, group, 1) / Math.min(height(other), height(group));
    const shares = lines.map((line) => share(line.at(-1)));
    const top = most(shares);
    if (top >= 0.5) lines[shares.indexOf(top)].push(group);
    else lines.push([group]);
  }
  const middle = ({ box: [left, top, right, bottom] }) => [(left + right) / 2, (top + bottom) / 2];
  const slope = ([x0, y0], [x1, y1]) => (x1 > x0 ? (y1 - y0) / (x1 - x0) : 0);
  const longest = lines.reduce((best, line) => (line.length > best.length ? line : best), []);
  const slant = longest.length > 2 ? slope(middle(longest[0]), middle(longest.at(-1))) : 0;
  const level = (line) => line.map(middle).reduce((sum, [x, y]) => sum + y - slant * x, 0) / line.length;
  return lines.sort((a, b) => level(a) - level(b)).flat();
}

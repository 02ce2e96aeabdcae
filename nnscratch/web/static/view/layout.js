// Where everything of the picture lies: stages side by side, or where that is too narrow one below the other. Lengths are
// in sixteenths of a rem, so that the picture is as large as the page's text.

import { mapOf, pixelOf } from './stages.js';

const [LEAST, SHARE] = [70, 115]; // of width for a stage, and of the whole for each, side by side
const [ROOM, STACKED] = [300, 170]; // of height for a stage
const [ACROSS, DOWN] = [30, 26]; // between stages
const LABEL = 52; // above a stage, for its name
const GAP = { pixels: 0, maps: 4, units: 2, classes: 4 };
const LARGEST = { pixels: 8, maps: 6, units: 14 }; // for each unit
const ALMOST = 0.65; // of the largest unit is large enough, where the last row of its grid is full
const [BAR, LONGEST_BAR] = [19, 320]; // a class's bar, thick and at most long
const [UPRIGHT, BESIDE] = [70, 44]; // of bars that stand side by side, how high and at most how wide

// { width, height, across, boxes: for each stage { left, top, width, height, columns, unit: side of a unit, gap } }
// shown: for each stage the maps that are shown; ratio: pixels of the device for a sixteenth of a rem.
export function arrange(stages, shown, classes, width, ratio) {
  const across = width / stages.length >= SHARE;
  const isUpright = !across && classes.every((name) => name.length < 3);
  const rooms = across ? widths(stages, shown, width) : stages.map(() => width);
  const boxes = stages.map((stage, s) => fitted(stage, shown[s].length, [rooms[s], across ? ROOM : STACKED], isUpright, ratio));
  return across ? sideBySide(boxes, width) : stacked(boxes, width);
}

// LEAST for each stage, and of what is left the more, the more it has to show.
function widths(stages, shown, width) {
  const sides = stages.map(({ shape: [, H, W] }, s) => Math.sqrt(H * W * shown[s].length));
  const left = Math.max(width - stages.length * (LEAST + ACROSS) + ACROSS, 0);
  const total = sides.reduce((sum, side) => sum + side, 0);
  return sides.map((side) => LEAST + (left * side) / total);
}

function fitted({ kind, shape: [, H, W] }, count, [width, height], isUpright, ratio) {
  const gap = GAP[kind];
  if (kind === 'classes' && isUpright) return { width: Math.min(width, count * BESIDE), height: UPRIGHT, columns: count, gap };
  if (kind === 'classes') return { width: Math.min(width, LONGEST_BAR), height: count * (BAR + gap) - gap, columns: 1, gap };
  const grids = Array.from({ length: count }, (_, k) => {
    const [columns, rows] = [k + 1, Math.ceil(count / (k + 1))];
    const side = Math.min((width - (columns - 1) * gap) / (columns * W), (height - (rows - 1) * gap) / (rows * H), LARGEST[kind]);
    return { columns, rows, unit: Math.max(Math.floor(side * ratio), 1) / ratio, blank: rows * columns - count, oblong: Math.abs(columns * W - rows * H) }; // whole pixels of the device
  });
  const most = Math.max(...grids.map((grid) => grid.unit));
  const large = grids.filter((grid) => grid.unit >= ALMOST * most).sort((a, b) => a.blank - b.blank || b.unit - a.unit || a.oblong - b.oblong);
  const { columns, rows, unit } = large[0];
  return { width: columns * W * unit + (columns - 1) * gap, height: rows * H * unit + (rows - 1) * gap, columns, unit, gap };
}

// What is not needed is shared out between the stages.
function sideBySide(boxes, width) {
  const needed = boxes.reduce((sum, box) => sum + box.width, 0);
  const space = Math.max((width - needed) / Math.max(boxes.length - 1, 1), ACROSS);
  const tallest = Math.max(...boxes.map((box) => box.height));
  let left = 0;
  for (const box of boxes) {
    Object.assign(box, { left, top: LABEL + (tallest - box.height) / 2, labelTop: 0 });
    left += box.width + space;
  }
  return { width: Math.max(left - space, width), height: LABEL + tallest + 2, across: true, boxes };
}

function stacked(boxes, width) {
  let top = 0;
  for (const box of boxes) {
    Object.assign(box, { left: (width - box.width) / 2, top: top + LABEL, labelTop: top });
    top += LABEL + box.height + DOWN;
  }
  return { width, height: top - DOWN + 2, across: false, boxes };
}

function sides({ kind, shape: [, H, W] }, { unit, width, height, columns, gap }) {
  if (kind === 'classes') return columns > 1 ? [(width + gap) / columns - gap, height] : [width, BAR];
  return [W * unit, H * unit];
}

// The rectangle { left, top, width, height } of a shown map, by its place among those that are shown.
export function mapBox(stage, box, place) {
  const [width, height] = sides(stage, box);
  const [row, column] = [Math.floor(place / box.columns), place % box.columns];
  return { left: box.left + column * (width + box.gap), top: box.top + row * (height + box.gap), width, height };
}

// The rectangle of a unit; null where its map is not shown.
export function unitBox(stage, box, shown, unit) {
  const place = shown.indexOf(mapOf(stage, unit));
  if (place < 0) return null;
  const map = mapBox(stage, box, place);
  if (stage.kind === 'classes') return map;
  const [row, column] = pixelOf(stage, unit);
  return { left: map.left + column * box.unit, top: map.top + row * box.unit, width: box.unit, height: box.unit };
}

// The unit of a stage at a place of the picture; null between maps.
export function unitAt(stage, box, shown, x, y) {
  const [, H, W] = stage.shape;
  const [stepX, stepY] = sides(stage, box).map((side) => side + box.gap);
  const [column, row] = [Math.floor((x - box.left) / stepX), Math.floor((y - box.top) / stepY)];
  const map = shown[row * box.columns + column];
  if (column < 0 || column >= box.columns || row < 0 || map === undefined) return null;
  if (stage.kind === 'classes') return map;
  const [inX, inY] = [Math.floor((x - box.left - column * stepX) / box.unit), Math.floor((y - box.top - row * stepY) / box.unit)];
  return inX < W && inY < H ? (map * H + inY) * W + inX : null;
}

// The unit that lies next to one in a direction (dx, dy), over the maps' edges; null at the edge of the stage.
export function neighbour(stage, box, shown, unit, dx, dy) {
  const [, H, W] = stage.shape;
  const [row, column] = pixelOf(stage, unit);
  const [x, y] = [column + dx, row + dy];
  if (x >= 0 && x < W && y >= 0 && y < H) return unit + dy * W + dx;
  const place = shown.indexOf(mapOf(stage, unit));
  const [mapX, mapY] = [(place % box.columns) + dx, Math.floor(place / box.columns) + dy];
  const map = shown[mapY * box.columns + mapX];
  if (mapX < 0 || mapX >= box.columns || mapY < 0 || map === undefined) return null;
  return (map * H + ((y + H) % H)) * W + ((x + W) % W);
}

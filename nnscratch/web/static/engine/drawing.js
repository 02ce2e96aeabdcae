// Strokes of a pen, and the picture that a round brush makes of them: pictures/drawing.py.
//
// A picture is { picture: Float32Array of ink, 1 on 0, row by row, width, height }.

import { clip, least, most, rint } from './digit.js';

const CANVAS = 500;
const ENOUGH = 128; // pixels high: a digit has more than evening its strokes needs
const [MARGIN, LEAST_SIDE] = [12, 64]; // pixels around strokes, and of the shorter side
const LEAST_PIECE = 8; // pixels: the square around a shorter line is hardly smaller

// The strokes [[[x, y], ...], ...], but only where they are, and no larger than a reader needs. What leaves the canvas
// is cut off.
export function renderCropped(strokes, brush = 24) {
  const each = (some, f) => some.map((stroke) => stroke.map((point) => point.map(f)));
  const inside = each(strokes, (value) => clip(value, -brush, CANVAS + brush));
  const points = inside.some((stroke) => stroke.length) ? inside.flat() : [[CANVAS / 2, CANVAS / 2]];
  const along = [0, 1].map((axis) => points.map((point) => point[axis]));
  const low = along.map((values) => Math.max(least(values) - brush / 2, 0));
  const high = along.map((values) => Math.min(most(values) + brush / 2, CANVAS));
  const extent = [0, 1].map((axis) => Math.max(high[axis] - low[axis], 1));
  const scale = Math.min(1, ENOUGH / extent[1]);
  const margin = Math.max(MARGIN, (LEAST_SIDE - scale * Math.min(...extent)) / 2);
  const [width, height] = extent.map((side) => Math.ceil(scale * side + 2 * margin));
  const corner = low.map((value) => value - margin / scale);
  const moved = each(inside, (value, axis) => (value - corner[axis]) * scale);
  const picture = render(moved, width, height, brush * scale);
  const [left, top] = corner.map((value) => Math.max(rint(-value * scale), 0));
  const [right, bottom] = corner.map((value) => Math.max(rint((CANVAS - value) * scale), 0));
  const isOn = (x, y) => x >= left && x < right && y >= top && y < bottom;
  return { picture: picture.map((ink, k) => (isOn(k % width, Math.floor(k / width)) ? ink : 0)), width, height };
}

// The ink that a round brush leaves in width x height pixels: it falls from 1 to 0 over the pixel at the brush's edge.
export function render(strokes, width, height, brush) {
  const picture = new Float32Array(width * height);
  const longest = Math.max(brush, LEAST_PIECE);
  for (const stroke of strokes) {
    stroke.forEach(([x, y], k) => {
      if (k === 0 && stroke.length > 1) return;
      const [fromX, fromY] = stroke[Math.max(k - 1, 0)]; // a tap is a dot
      const count = Math.max(Math.ceil(Math.hypot(x - fromX, y - fromY) / longest), 1);
      const [stepX, stepY] = [(x - fromX) / count, (y - fromY) / count];
      for (let piece = 0; piece < count; piece++) {
        line(picture, width, height, fromX + piece * stepX, fromY + piece * stepY, stepX, stepY, brush / 2);
      }
    });
  }
  return picture;
}

// One short line from (x, y) to (x + dx, y + dy): a pixel's ink is told by how far it is from its nearest point.
function line(picture, width, height, x, y, dx, dy, radius) {
  const reach = radius + 1;
  const span = (from, way, size) => {
    const ends = [Math.floor(Math.min(from, from + way) - reach), Math.max(from, from + way) + reach];
    return ends.map((end) => clip(end, 0, size - 1));
  };
  const [[left, right], [top, bottom]] = [span(x, dx, width), span(y, dy, height)];
  const length = Math.max(dx * dx + dy * dy, 1e-12); // of a dot, too
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const along = clip(((row - y) * dy + (column - x) * dx) / length, 0, 1);
      const [apartX, apartY] = [column - x - along * dx, row - y - along * dy];
      const ink = Math.min(radius + 0.5 - Math.sqrt(apartX * apartX + apartY * apartY), 1);
      const pixel = row * width + column;
      if (ink > picture[pixel]) picture[pixel] = ink;
    }
  }
}

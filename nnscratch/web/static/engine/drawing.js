// Strokes of a pen, and the picture that a round brush makes of them: pictures/drawing.py.
//
// A picture is { picture: Float32Array of ink, 1 on 0, row by row, width, height }.

import { at, clip, least, made, most, rint } from './digit.js';

export const CANVAS = 500;
const ENOUGH = 128; // pixels high: a digit has more than evening its strokes needs
const [MARGIN, LEAST_SIDE] = [12, 64]; // pixels around strokes, and of the shorter side
const LEAST_PIECE = 8; // pixels: the square around a shorter line is hardly smaller

const mapped = (strokes, f) => strokes.map((stroke) => stroke.map((point) => point.map(f)));

// Strokes go no farther beyond the canvas than a brush can be seen.
export const clipped = (strokes, brush) => mapped(strokes, (value) => clip(value, -brush, CANVAS + brush));

// [[left, top], [right, bottom]] of the strokes' ink on the canvas.
export function boxOf(strokes, brush) {
  const along = [0, 1].map((axis) => strokes.flat().map((point) => point[axis]));
  const low = along.map((values) => Math.max(least(values) - brush / 2, 0));
  return [low, along.map((values) => Math.min(most(values) + brush / 2, CANVAS))];
}

// The strokes [[[x, y], ...], ...], but only where they are, and no larger than a reader needs. What leaves the canvas
// is cut off.
export function renderCropped(strokes, brush = 24) {
  const inside = clipped(strokes, brush);
  const [low, high] = boxOf(inside, brush);
  const extent = low.map((value, axis) => Math.max(high[axis] - value, 1));
  const scale = Math.min(1, ENOUGH / extent[1]);
  const margin = Math.max(MARGIN, (LEAST_SIDE - scale * Math.min(...extent)) / 2);
  const [width, height] = extent.map((side) => Math.ceil(scale * side + 2 * margin));
  const corner = low.map((value) => value - margin / scale);
  const moved = mapped(inside, (value, axis) => (value - corner[axis]) * scale);
  const image = render(moved, width, height, brush * scale);
  const [left, top] = corner.map((value) => rint(-value * scale));
  const [right, bottom] = corner.map((value) => rint((CANVAS - value) * scale));
  return made(width, height, (x, y) => (x >= left && x < right && y >= top && y < bottom ? at(image, x, y) : 0));
}

// The ink that a round brush leaves in width x height pixels: it falls from 1 to 0 over the pixel at the brush's edge.
// Lines are drawn in short pieces: so are Python's, and where ink just ends is up to the last bits.
export function render(strokes, width, height, brush) {
  const image = made(width, height, () => 0);
  for (const stroke of strokes) {
    stroke.forEach(([x, y], k) => {
      if (k === 0 && stroke.length > 1) return;
      const [fromX, fromY] = stroke[Math.max(k - 1, 0)]; // a tap is a dot
      const count = Math.max(Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(brush, LEAST_PIECE)), 1);
      const [dx, dy] = [(x - fromX) / count, (y - fromY) / count];
      for (let n = 0; n < count; n++) line(image, fromX + n * dx, fromY + n * dy, dx, dy, brush / 2);
    });
  }
  return image;
}

// One piece from (x, y) to (x + dx, y + dy): a pixel's ink is told by how far it is from its nearest point.
function line({ picture, width, height }, x, y, dx, dy, radius) {
  const span = (from, way, size) => {
    const ends = [Math.min(from, from + way) - radius - 1, Math.max(from, from + way) + radius + 1];
    return ends.map((end) => clip(Math.floor(end), 0, size - 1));
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

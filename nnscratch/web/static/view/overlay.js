// The 28 x 28 pixels that a network reads, laid over the drawing that they were made of.

import { areDigits } from '../engine/confidence.js';
import { shear } from '../engine/digit.js';

const [CANVAS, FIELD, BOX] = [500, 28, 20]; // sides of the pad, of the picture, and of the digit in it: pictures/preprocess.py
const [THINNEST, THICKEST] = [1.8, 3.2]; // strokes there: pictures/stroke_width.py
const FAINT = 0.04; // of the largest value is not shown

export const clearOverlay = ({ overlay }) => overlay.getContext('2d').clearRect(0, 0, overlay.width, overlay.height);

// Lay values (784) over the drawing, each in color(value) with an alpha that tells its share of the largest. Returns
// whether it is known where they lie: of a picture it is not. What was read without its slant lies along it again.
export function showOnPad({ overlay, current }, values, color) {
  clearOverlay({ overlay });
  const place = placeOnPad(current);
  if (!place) return false;
  const { left, top, side } = place;
  const shifts = current.network.deskew ? shear(current.image, FIELD, FIELD) : null;
  const context = overlay.getContext('2d');
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  values.forEach((value, k) => {
    const share = Math.abs(value) / most;
    if (!(share > FAINT)) return;
    context.globalAlpha = 0.85 * Math.sqrt(share);
    context.fillStyle = color(value);
    const [row, column] = [Math.floor(k / FIELD), k % FIELD];
    context.fillRect(left + (column + (shifts?.[row] ?? 0)) * side, top + row * side, side - 0.5, side - 0.5);
  });
  context.globalAlpha = 1;
  return true;
}

// Where the 28 x 28 pixels lie on the pad, { left, top, side (of each) }: the middle of what was drawn is that of the ink,
// and as long as the lines that the brush followed are those in the picture, half a stroke within its ink at either end.
// Of a test digit they are what is on the pad.
export function placeOnPad({ network, strokes, brush, image, digits }) {
  const { box, field } = digits.find((one) => one.image === image) ?? {};
  if (field) return field;
  if (!strokes || !box) return null;
  if (!areDigits(network.classes)) return { left: 0, top: 0, side: CANVAS / FIELD };
  const long = Math.max(box[2], box[3]);
  const stroke = Math.min(Math.max((BOX * brush) / long, THINNEST), THICKEST);
  const side = long > 2 * brush ? (long - brush) / (BOX - stroke) : long / BOX;
  const seen = boxOf(image);
  const [left, top] = [0, 1].map((axis) => box[axis] + box[axis + 2] / 2 - (side * (seen[axis] + seen[axis + 2])) / 2);
  return { left, top, side };
}

// [left, top, right, bottom] of an image's ink.
function boxOf(image) {
  const inked = Array.from(image.keys()).filter((k) => image[k] > 0);
  const [columns, rows] = [inked.map((k) => k % FIELD), inked.map((k) => Math.floor(k / FIELD))];
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns) + 1, Math.max(...rows) + 1];
}

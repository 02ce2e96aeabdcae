// The 28 x 28 pixels that a network reads, laid over the drawing that they were made of.

const [FIELD, BOX] = [28, 20]; // sides of the picture, and of the digit in it: pictures/preprocess.py
const [THINNEST, THICKEST] = [1.8, 3.2]; // strokes there: pictures/stroke_width.py
const FAINT = 0.04; // of the largest value is not shown

export const clearOverlay = ({ overlay }) => overlay.getContext('2d').clearRect(0, 0, overlay.width, overlay.height);

// Lay values (784) over the drawing, each in color(value) with an alpha that is its share of the largest. Returns whether
// it is known where: of a drawing of one digit it is, of pictures and several digits it is not.
export function showOnPad({ overlay, current }, values, color) {
  clearOverlay({ overlay });
  const place = placeOnPad(current);
  if (!place) return false;
  const context = overlay.getContext('2d');
  const top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  values.forEach((value, k) => {
    const share = Math.abs(value) / top;
    if (!(share > FAINT)) return;
    context.globalAlpha = 0.85 * Math.sqrt(share);
    context.fillStyle = color(value);
    const [x, y] = [place.left + (k % FIELD) * place.side, place.top + Math.floor(k / FIELD) * place.side];
    context.fillRect(x, y, place.side - 0.5, place.side - 0.5);
  });
  context.globalAlpha = 1;
  return true;
}

// Where the 28 x 28 pixels lie on the pad, { left, top, side (of each) }: the lines that the brush followed, and the same
// lines in the picture, which are half a stroke within its ink.
export function placeOnPad({ strokes, brush, image, digits }) {
  const points = strokes?.flat() ?? [];
  if (points.length === 0 || digits.length > 1) return null;
  const [drawn, seen] = [spans(points), spans(inked(image))];
  const long = Math.max(...drawn.map(({ length }) => length));
  const stroke = Math.min(Math.max((BOX * brush) / (long + brush), THINNEST), THICKEST);
  const side = long > brush ? long / (BOX - stroke) : (long + brush) / BOX;
  const [left, top] = [0, 1].map((axis) => drawn[axis].middle - (seen[axis].middle + 0.5) * side);
  return { left, top, side };
}

const inked = (image) => Array.from(image.keys()).filter((k) => image[k] > 0).map((k) => [k % FIELD, Math.floor(k / FIELD)]);

function spans(points) {
  return [0, 1].map((axis) => {
    const along = points.map((point) => point[axis]);
    const [low, high] = [along.reduce((a, b) => Math.min(a, b)), along.reduce((a, b) => Math.max(a, b))];
    return { length: high - low, middle: (low + high) / 2 };
  });
}

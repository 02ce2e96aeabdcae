// From ink to the form that MNIST's digits have: pictures/preprocess.py, pictures/stroke_width.py, pictures/deskew.py.
//
// A picture is { picture: Float32Array of ink, 1 on 0, row by row, width, height }. Numbers are rounded to float32 where
// Python's are, so that both come to the same decisions.

const FIELD = 28; // side of the finished picture
const BOX = 20; // longer side of the digit in it
const CENTER = 14; // index of the centre of mass
const MIN_CONTRAST = 0.1; // fainter ink is none
const WHITE = 0.95; // strong ink that counts as white
const FINE = 4; // pixels for each of a finished digit, where strokes are made even
const [THINNEST, THICKEST] = [1.8, 3.2]; // finished pixels
const LEAST_LEFT = 0.25; // of the ink, lest thinning take thin strokes away where others are thick

const fround = Math.fround;
const sum = (values) => values.reduce((total, value) => total + value, 0);
const most = (values) => values.reduce((largest, value) => Math.max(largest, value), -Infinity);
const blank = (width, height) => ({ picture: new Float32Array(width * height), width, height });

// The nearest whole number, and of two the even one, as Python rounds.
export function rint(value) {
  const below = Math.floor(value);
  const up = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  return up ? below + 1 : below;
}

const toLevel = (ink) => rint(fround(255 * Math.min(Math.max(ink, 0), 1)));

// ---- where the ink is

// The picture of the ink's box alone, of what renderCropped returned; null where there is no ink, or mere specks.
export function inkOf(image) {
  const peak = most(image.picture);
  if (peak < MIN_CONTRAST) return null;
  const strong = image.picture.map((ink) => (ink > peak / 2 ? 1 : 0));
  if (4 * sum(connected(strong, image.width)) < 3 * sum(strong)) return null; // strokes' pixels have neighbours
  return cropped(image, connected(image.picture.map((ink) => (ink > peak / 4 ? 1 : 0)), image.width));
}

// The pixels of a mask that have one of their eight neighbours in it: specks of one pixel go.
function connected(mask, width) {
  const at = (k, column) => (column >= 0 && column < width ? mask[k] : 0);
  const height = mask.length / width;
  return mask.map((set, k) => {
    if (!set) return 0;
    const [row, column] = [Math.floor(k / width), k % width];
    for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
      for (let x = column - 1; x <= column + 1; x++) if ((y !== row || x !== column) && at(y * width + x, x)) return 1;
    }
    return 0;
  });
}

// The picture from the first to the last row and column with clear ink, and one more at each end where there is any.
function cropped({ picture, width, height }, clear) {
  const across = (mask, x) => Array.from({ length: height }, (_, y) => mask[y * width + x]);
  const down = (mask, y) => mask.subarray(y * width, (y + 1) * width);
  const [left, right] = span(width, (x) => across(clear, x), (x) => across(picture, x));
  const [top, bottom] = span(height, (y) => down(clear, y), (y) => down(picture, y));
  const crop = blank(right - left, bottom - top);
  for (let y = top; y < bottom; y++) crop.picture.set(down(picture, y).subarray(left, right), (y - top) * crop.width);
  return crop;
}

function span(length, clear, some) {
  const isSet = (line) => line.some((value) => value > 0);
  const lines = Array.from({ length }, (_, k) => k).filter((k) => isSet(clear(k)));
  let [first, last] = [lines[0], lines.at(-1)];
  if (first > 0 && isSet(some(first - 1))) first--;
  if (last + 1 < length && isSet(some(last + 1))) last++;
  return [first, last + 1];
}

// ---- the steps to MNIST's form

// From the box of a digit's ink, as inkOf returns it: { cropped, strokes, scaled, mnist }. cropped is what came; strokes
// have a thickness that MNIST knows; scaled has the longer side 20 and strong ink at 1; mnist is a Uint8Array(784).
export function normalizeDigit(ink) {
  const strokes = evenStrokes(ink);
  const scaled = stretchContrast(scaledTo(strokes, BOX));
  return { cropped: ink, strokes, scaled, mnist: center(scaled) };
}

// The whole of a picture of classes that are no digits, as Uint8Array(784): preprocess.to_square, of ink on 0.
export const toSquare = (image) => Uint8Array.from(areaResize(image, FIELD, FIELD).picture, toLevel);

function evenStrokes(ink) {
  if (Math.max(ink.width, ink.height) < 2 * BOX) return ink;
  const before = scaledTo(ink, FINE * BOX);
  const fine = evenWidth(before, FINE);
  if (fine === before) return ink;
  const peak = most(fine.picture);
  return cropped(fine, fine.picture.map((value) => (value > peak / 4 ? 1 : 0)));
}

// The longer side as many pixels, the shorter in proportion.
function scaledTo(image, side) {
  const longer = Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((length) => Math.max(rint((side * length) / longer), 1));
  return areaResize(image, width, height);
}

// Each new pixel is the mean of the area of the old ones that it covers; rows first, then columns.
function areaResize({ picture, width: oldWidth, height: oldHeight }, width, height) {
  const flat = blank(oldWidth, height);
  areaWeights(oldHeight, height).forEach(({ first, weights }, y) => {
    for (let x = 0; x < oldWidth; x++) {
      flat.picture[y * oldWidth + x] = weights.reduce((total, weight, k) => total + weight * picture[(first + k) * oldWidth + x], 0);
    }
  });
  const image = blank(width, height);
  areaWeights(oldWidth, width).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      image.picture[y * width + x] = weights.reduce((total, weight, k) => total + weight * flat.picture[y * oldWidth + first + k], 0);
    }
  });
  return image;
}

// Of each new pixel, [i, i + 1) old / new, the shares of the old pixels from the first that it covers.
function areaWeights(oldSide, newSide) {
  return Array.from({ length: newSide }, (_, i) => {
    const [start, stop] = [i * (oldSide / newSide), (i + 1) * (oldSide / newSide)];
    const [first, end] = [Math.floor(start), Math.min(Math.ceil(stop), oldSide)];
    const overlap = (pixel) => Math.max(Math.min(stop, pixel + 1) - Math.max(start, pixel), 0);
    return { first, weights: Float32Array.from({ length: end - first }, (_, k) => overlap(first + k) * (newSide / oldSide)) };
  });
}

// Strong ink, which nine tenths of the clear ink do not exceed, at 1; what is white already stays.
function stretchContrast(image) {
  const peak = most(image.picture);
  const clear = image.picture.filter((ink) => ink > peak / 4).sort();
  const place = fround((clear.length - 1) * fround(0.9));
  const below = Math.floor(place);
  const strong = clear[below] + (clear[Math.min(below + 1, clear.length - 1)] - clear[below]) * (place - below);
  if (strong > WHITE) return image;
  return { ...image, picture: image.picture.map((ink) => Math.min(ink / strong, 1)) };
}

// In a field of 28 x 28 with its centre of mass at index 14, 14: whole pixels, rounded half up, never out of the field.
function center({ picture, width, height }) {
  const [columns, rows] = [new Float64Array(width), new Float64Array(height)];
  picture.forEach((ink, k) => {
    columns[k % width] += ink;
    rows[Math.floor(k / width)] += ink;
  });
  const [left, top] = [offset(columns), offset(rows)];
  const field = new Uint8Array(FIELD * FIELD);
  picture.forEach((ink, k) => {
    field[(top + Math.floor(k / width)) * FIELD + left + (k % width)] = toLevel(ink);
  });
  return field;
}

function offset(profile) {
  const shift = CENTER - sum(profile.map((mass, k) => mass * k)) / sum(profile);
  return Math.min(Math.max(Math.floor(shift + 0.5), 0), FIELD - profile.length);
}

// ---- how thick strokes are

// The mean width of the strokes: twice their area over their outline, which a cross-shaped erosion takes away.
function strokeWidth(ink) {
  const peak = most(ink.picture);
  const strong = { ...ink, picture: ink.picture.map((value) => (value > peak / 2 ? 1 : 0)) };
  const area = sum(strong.picture);
  const outline = area - sum(morphology(strong, Math.min, false).picture);
  return (2 * area) / Math.max(outline, 1);
}

// The largest (Math.max) or smallest (Math.min) of each pixel and its neighbours: four, or the eight of a square; 0 outside.
function morphology({ picture, width, height }, choose, square) {
  const wide = padded({ picture, width, height }, 1);
  const step = wide.width;
  const near = square ? [-step - 1, -step, -step + 1, -1, 1, step - 1, step, step + 1] : [-step, -1, 1, step];
  const changed = blank(width, height);
  for (let k = 0; k < picture.length; k++) {
    const place = (Math.floor(k / width) + 1) * step + 1 + (k % width);
    changed.picture[k] = near.reduce((chosen, apart) => choose(chosen, wide.picture[place + apart]), picture[k]);
  }
  return changed;
}

function padded({ picture, width, height }, margin) {
  const wide = blank(width + 2 * margin, height + 2 * margin);
  for (let y = 0; y < height; y++) {
    wide.picture.set(picture.subarray(y * width, (y + 1) * width), (y + margin) * wide.width + margin);
  }
  return wide;
}

// Strokes of THINNEST to THICKEST units, each `unit` pixels here. A step makes them two pixels thicker or thinner, the
// last one only part of that; a cross and a square take turns, which comes near to a round brush.
function evenWidth(ink, unit) {
  const width = strokeWidth(ink);
  const wanted = Math.min(Math.max(width, THINNEST * unit), THICKEST * unit);
  const steps = Math.abs(wanted - width) / 2;
  const thicken = wanted > width;
  const least = LEAST_LEFT * sum(ink.picture);
  if (thicken) ink = padded(ink, Math.ceil(steps));
  for (let step = 0; step < Math.ceil(steps); step++) {
    const changed = morphology(ink, thicken ? Math.max : Math.min, step % 2 === 1).picture;
    if (sum(changed) < least) break;
    const share = fround(Math.min(steps - step, 1));
    ink = { ...ink, picture: ink.picture.map((value, k) => value + fround(share * fround(changed[k] - value))) };
  }
  return ink;
}

// ---- without slant

// An image (Uint8Array, rounded again, or Float32Array) sheared until its principal axis stands upright.
export function deskewed(image, width, height) {
  const [mass, moment] = [new Float64Array(height), new Float64Array(height)]; // of each row, about column 0
  image.forEach((ink, k) => {
    mass[Math.floor(k / width)] += ink;
    moment[Math.floor(k / width)] += ink * (k % width);
  });
  const middle = sum(mass.map((ink, row) => ink * row)) / sum(mass);
  const slant = sum(moment.map((ink, row) => ink * (row - middle))) / sum(mass.map((ink, row) => ink * (row - middle) ** 2));
  if (!Number.isFinite(slant)) return image; // blank, or all in one row
  const straight = image.slice();
  for (let row = 0; row < height; row++) {
    const shift = Math.min(Math.max(slant * (row - middle), -width), width);
    const [whole, share] = [Math.floor(shift), shift - Math.floor(shift)];
    const pixel = (column) => (column >= 0 && column < width ? image[row * width + column] : 0);
    for (let column = 0; column < width; column++) {
      const value = pixel(column + whole) * (1 - share) + pixel(column + whole + 1) * share;
      straight[row * width + column] = image instanceof Uint8Array ? rint(value) : value;
    }
  }
  return straight;
}

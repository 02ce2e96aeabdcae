// From ink to the form that MNIST's digits have: preprocess.py, stroke_width.py, deskew.py.
//
// A picture is { picture: Float32Array of ink, 1 on 0, row by row, width, height }. Numbers are rounded to float32
// where Python's are, so that both come to the same decisions.

const [FIELD, BOX, CENTER] = [28, 20, 14]; // the finished picture's side, its digit's longer side, its centre of mass
const MIN_CONTRAST = 0.1; // fainter ink is none
const WHITE = 0.95; // strong ink that counts as white
const FINE = 4; // pixels for each of a finished digit's, where strokes are made even
const [THINNEST, THICKEST] = [1.8, 3.2]; // finished pixels
const LEAST_LEFT = 0.25; // of the ink, lest thinning take thin strokes away where others are thick
const BESIDE = [[0, -1], [-1, 0], [1, 0], [0, 1]];
const AROUND = [...BESIDE, [-1, -1], [1, -1], [-1, 1], [1, 1]];

const { fround } = Math;
export const clip = (value, low, high) => Math.min(Math.max(value, low), high);
export const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
export const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const sum = (values) => values.reduce((total, value) => total + value, 0);

// The nearest whole number, and of two the even one, as Python rounds.
export function rint(value) {
  const below = Math.floor(value);
  return value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

export function made(width, height, ink) {
  const picture = new Float32Array(width * height);
  for (let y = 0, k = 0; y < height; y++) for (let x = 0; x < width; x++, k++) picture[k] = ink(x, y);
  return { picture, width, height };
}

export const at = ({ picture, width, height }, x, y) =>
  x >= 0 && x < width && y >= 0 && y < height ? picture[y * width + x] : 0;

const mapped = (image, f) => ({ ...image, picture: image.picture.map(f) });
const padded = (image, margin) =>
  made(image.width + 2 * margin, image.height + 2 * margin, (x, y) => at(image, x - margin, y - margin));

// The whole of a picture, as Uint8Array(784) of levels.
const toLevels = ({ picture }) => Uint8Array.from(picture, (ink) => rint(fround(255 * clip(ink, 0, 1))));

// The ink of each column, and that of each row.
function profiles({ picture, width, height }) {
  const [columns, rows] = [Array(width).fill(0), Array(height).fill(0)];
  picture.forEach((ink, k) => {
    columns[k % width] += ink;
    rows[Math.floor(k / width)] += ink;
  });
  return [columns, rows];
}

// ---- where the ink is

// The picture of the ink's box alone, of what renderCropped returned; null where there is none, or mere specks.
export function inkOf(image) {
  const strong = above(image, 1 / 2);
  const isFaint = most(image.picture) < MIN_CONTRAST;
  if (isFaint || 4 * sum(connected(strong).picture) < 3 * sum(strong.picture)) return null;
  return cropped(image, connected(above(image, 1 / 4)));
}

// Where the ink is clearly more than a share of the strongest: a mask of 1 and 0.
function above(image, share) {
  const limit = fround(share * most(image.picture));
  return mapped(image, (ink) => (ink > limit ? 1 : 0));
}

// The pixels of a mask that have one of their eight neighbours in it: specks of one pixel go.
function connected(mask) {
  const hasNeighbor = (x, y) => AROUND.some(([right, down]) => at(mask, x + right, y + down));
  return made(mask.width, mask.height, (x, y) => (at(mask, x, y) && hasNeighbor(x, y) ? 1 : 0));
}

// From the first to the last row and column with clear ink, and one more at each end where there is any.
function cropped(image, clear) {
  const some = profiles(image);
  const [[left, right], [top, bottom]] = profiles(clear).map((profile, axis) => {
    const inked = [...profile.keys()].filter((k) => profile[k] > 0);
    const [first, last] = [inked[0], inked.at(-1)];
    return [some[axis][first - 1] > 0 ? first - 1 : first, some[axis][last + 1] > 0 ? last + 2 : last + 1];
  });
  return made(right - left, bottom - top, (x, y) => at(image, x + left, y + top));
}

// ---- the steps to MNIST's form

// From the box of a digit's ink, as inkOf returns it: { cropped, strokes, scaled, mnist }. cropped is what came;
// strokes have a thickness that MNIST knows; scaled has the longer side 20 and strong ink at 1; mnist is a
// Uint8Array(784).
export function normalizeDigit(ink) {
  const strokes = evenStrokes(ink);
  const scaled = stretchContrast(scaledTo(strokes, BOX));
  return { cropped: ink, strokes, scaled, mnist: toLevels(center(scaled)) };
}

// The whole of a picture on a ground of 0, as Uint8Array(784): to_square, for classes that are no digits.
export const toSquare = (image) => toLevels(areaResize(image, FIELD, FIELD));

function evenStrokes(ink) {
  if (Math.max(ink.width, ink.height) < 2 * BOX) return ink;
  const before = scaledTo(ink, FINE * BOX);
  const fine = evenWidth(before, FINE);
  return fine === before ? ink : cropped(fine, above(fine, 1 / 4));
}

// The longer side as many pixels, the shorter in proportion.
function scaledTo(image, side) {
  const longer = Math.max(image.width, image.height);
  return areaResize(image, ...[image.width, image.height].map((length) => Math.max(rint((side * length) / longer), 1)));
}

// Each new pixel is the mean of the area of the old ones that it covers; rows first, then columns.
function areaResize(image, width, height) {
  const [across, down] = [areaWeights(image.width, width), areaWeights(image.height, height)];
  const rows = made(image.width, height, (x, y) => weighted(down[y], image.picture, x, image.width));
  return made(width, height, (x, y) => weighted(across[x], rows.picture, y * image.width, 1));
}

function weighted({ first, weights }, picture, start, step) {
  let total = 0;
  for (let k = 0; k < weights.length; k++) total += weights[k] * picture[start + (first + k) * step];
  return total;
}

// Of each new pixel, [i, i + 1) old / new, the shares of the old ones that it covers, from the first of them.
function areaWeights(oldSide, newSide) {
  return Array.from({ length: newSide }, (_, i) => {
    const [start, stop] = [i * (oldSide / newSide), (i + 1) * (oldSide / newSide)];
    const first = Math.floor(start);
    const share = (_, k) => (Math.min(stop, first + k + 1) - Math.max(start, first + k)) * (newSide / oldSide);
    return { first, weights: Float32Array.from({ length: Math.min(Math.ceil(stop), oldSide) - first }, share) };
  });
}

// Strong ink, which nine tenths of the clear ink do not exceed, at 1; what is white already stays.
function stretchContrast(image) {
  const { picture: isClear } = above(image, 1 / 4);
  const clear = image.picture.filter((_, k) => isClear[k]).sort();
  const place = fround((clear.length - 1) * fround(0.9));
  const [lower, upper] = [clear[Math.floor(place)], clear[Math.ceil(place)]];
  const strong = lower + (upper - lower) * (place % 1);
  return strong > WHITE ? image : mapped(image, (ink) => Math.min(ink / strong, 1));
}

// In a field of 28 x 28 with its centre of mass at index 14, 14: whole pixels, rounded half up, never out of the field.
function center(image) {
  const [left, top] = profiles(image).map((masses) => {
    const shift = CENTER - sum(masses.map((mass, k) => mass * k)) / sum(masses);
    return clip(Math.floor(shift + 0.5), 0, FIELD - masses.length);
  });
  return made(FIELD, FIELD, (x, y) => at(image, x - left, y - top));
}

// ---- how thick strokes are

// Twice their area over their outline, which an erosion by a cross takes away.
function strokeWidth(ink) {
  const strong = above(ink, 1 / 2);
  const area = sum(strong.picture);
  return (2 * area) / Math.max(area - sum(morphology(strong, Math.min, BESIDE).picture), 1);
}

// What is chosen of each pixel and its neighbours, the largest or the smallest; 0 outside.
function morphology(image, choose, neighbors) {
  const wide = padded(image, 1);
  const apart = neighbors.map(([right, down]) => down * wide.width + right);
  return made(image.width, image.height, (x, y) => {
    const place = (y + 1) * wide.width + x + 1;
    return apart.reduce((chosen, way) => choose(chosen, wide.picture[place + way]), wide.picture[place]);
  });
}

// Strokes of THINNEST to THICKEST units, each `unit` pixels here. A step makes them two pixels thicker or thinner, the
// last one only part of that; a cross and a square take turns, which comes near to a round brush.
function evenWidth(ink, unit) {
  const width = strokeWidth(ink);
  const wanted = clip(width, THINNEST * unit, THICKEST * unit);
  const steps = Math.abs(wanted - width) / 2;
  const [choose, enough] = [wanted > width ? Math.max : Math.min, LEAST_LEFT * sum(ink.picture)];
  if (wanted > width) ink = padded(ink, Math.ceil(steps));
  for (let step = 0; step < steps; step++) {
    const { picture: changed } = morphology(ink, choose, step % 2 ? AROUND : BESIDE);
    if (sum(changed) < enough) break;
    const share = fround(Math.min(steps - step, 1));
    ink = mapped(ink, (value, k) => value + fround(share * fround(changed[k] - value)));
  }
  return ink;
}

// ---- without slant, as networks want it that deskew

// How far to the right each row of an image, Uint8Array or of floats, is to be read for its principal axis to stand
// upright: an Array of pixels, or null where all is blank, or in one row.
export function shear(image, width, height) {
  const over = (weight) => image.reduce((total, ink, k) => total + ink * weight(Math.floor(k / width), k % width), 0);
  const middle = over((row) => row) / over(() => 1);
  const slant = over((row, column) => column * (row - middle)) / over((row) => (row - middle) ** 2);
  const shift = (_, row) => clip(slant * (row - middle), -width, width);
  return Number.isFinite(slant) ? Array.from({ length: height }, shift) : null;
}

// The image sheared so; levels are rounded again.
export function deskewed(image, width, height) {
  const shifts = shear(image, width, height);
  if (!shifts) return image;
  return image.map((_, k) => {
    const row = Math.floor(k / width);
    const [place, share] = [(k % width) + Math.floor(shifts[row]), shifts[row] - Math.floor(shifts[row])];
    const ink = (x) => (x >= 0 && x < width ? image[row * width + x] : 0);
    const value = ink(place) * (1 - share) + ink(place + 1) * share;
    return image instanceof Uint8Array ? rint(value) : value;
  });
}

// A drawing as the end of an address, #d=..., which no server sees: a version, the brush, and every stroke's number of
// points, its first point, and the steps between them, as variable-length integers in base64url.

import { checkedDrawing } from './drawing.js';

const KEY = '#d=';
const VERSION = 1;
const MOST = 2000; // characters: what messengers and codes that are photographed take
const TOLERANCES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32]; // pixels by which points may be left out

// { hash, apart }: the end of the address, and by how many pixels its lines may be beside those drawn. Throws an Error
// for a drawing that fits into no link.
export function linkOf({ strokes, brush }) {
  for (const apart of TOLERANCES) {
    const simpler = strokes.map((stroke) => (apart ? simplified(stroke, apart) : stroke));
    const hash = KEY + toBase64url(encoded(simpler, brush));
    if (hash.length <= MOST) return { hash, apart };
  }
  throw new Error('This drawing has too many strokes for a link. Send it as a picture.');
}

export const isLink = (hash) => hash.startsWith(KEY);

// The drawing { strokes, brush } of a link. Throws an Error, one sentence for people, for whatever else came.
export function drawingOf(hash) {
  try {
    if (hash.length > MOST) throw new Error('it is too long');
    return checkedDrawing(decoded(fromBase64url(hash.slice(KEY.length))));
  } catch (error) {
    throw new Error(`This link holds no drawing: ${error.message}.`);
  }
}

function encoded(strokes, brush) {
  const bytes = [];
  const write = (value) => {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
    bytes.push(value);
  };
  const writeSigned = (value) => write(value < 0 ? -2 * value - 1 : 2 * value);
  write(VERSION);
  write(Math.round(brush));
  let last = [0, 0];
  for (const stroke of strokes) {
    write(stroke.length);
    for (const point of stroke) {
      const here = point.map(Math.round);
      here.forEach((value, axis) => writeSigned(value - last[axis]));
      last = here;
    }
  }
  return Uint8Array.from(bytes);
}

function decoded(bytes) {
  let at = 0;
  const read = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at === bytes.length) throw new Error('it is cut off');
      if (scale > 2 ** 28) throw new Error('a number in it is too large');
      const byte = bytes[at++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  const readSigned = () => {
    const value = read();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  if (read() !== VERSION) throw new Error('it is of another version of this page');
  const brush = read();
  const strokes = [];
  let last = [0, 0];
  while (at < bytes.length) {
    const count = read();
    if (count > (bytes.length - at) / 2) throw new Error('it is cut off');
    strokes.push(Array.from({ length: count }, () => (last = last.map((value) => value + readSigned()))));
  }
  return { strokes, brush };
}

const toBase64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

function fromBase64url(text) {
  if (!/^[\w-]*$/.test(text)) throw new Error('there are characters in it that are none of a link');
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  } catch {
    throw new Error('it is cut off');
  }
}

// Without the points from which no line is further than `apart`: D. Douglas, T. Peucker: Algorithms for the Reduction of
// the Number of Points Required to Represent a Digitized Line, Cartographica 10, 1973.
export function simplified(stroke, apart) {
  const stays = new Set([0, stroke.length - 1]);
  const ranges = [[0, stroke.length - 1]];
  while (ranges.length) {
    const [first, last] = ranges.pop();
    let [furthest, place] = [apart, 0];
    for (let k = first + 1; k < last; k++) {
      const distance = fromLine(stroke[k], stroke[first], stroke[last]);
      if (distance > furthest) [furthest, place] = [distance, k];
    }
    if (!place) continue;
    stays.add(place);
    ranges.push([first, place], [place, last]);
  }
  return stroke.filter((_, k) => stays.has(k));
}

function fromLine([x, y], [startX, startY], [endX, endY]) {
  const [wayX, wayY] = [endX - startX, endY - startY];
  const along = ((x - startX) * wayX + (y - startY) * wayY) / Math.max(wayX ** 2 + wayY ** 2, 1e-12);
  const share = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - startX - share * wayX, y - startY - share * wayY);
}

// From a drawing to what a network reads in it.

import { areDigits, reading } from './engine/confidence.js';
import { toSquare } from './engine/digit.js';
import { CANVAS, render } from './engine/drawing.js';
import { digitsInStrokes } from './engine/strokes.js';

// What a network reads in an image (Uint8Array(784)): { digit, confidence, probabilities, verdict }.
export const read = (network, image) => reading(network.forward(image).logits, network.limits, network.classes);

// The digits of a drawing, in reading order: [{ box: [left, top, width, height], image, steps, reading }]. single: all
// of it is one digit.
export function readDrawing(network, { strokes, brush }, single) {
  return found(network, strokes, brush, single).map((one) => ({ ...one, reading: read(network, one.image) }));
}

function found(network, strokes, brush, single) {
  if (!areDigits(network.classes)) return whole(strokes, brush);
  const legibility = (image) => {
    const { confidence, verdict } = read(network, image);
    return verdict === 'not a digit' ? 0 : confidence;
  };
  return digitsInStrokes(strokes, brush, { single, read: legibility });
}

// Other classes than digits are read in all of the canvas.
function whole(strokes, brush) {
  const image = render(strokes, CANVAS, CANVAS, brush);
  if (!image.picture.some((ink) => ink > 0)) return [];
  const square = toSquare(image);
  return [{ box: [0, 0, CANVAS, CANVAS], image: square, steps: { cropped: image, mnist: square } }];
}

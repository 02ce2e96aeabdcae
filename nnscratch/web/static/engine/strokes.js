// Which strokes of a drawing make which digit: all of them one, so far.

import { inkOf, normalizeDigit } from './digit.js';
import { renderCropped } from './drawing.js';

export function digitsInStrokes(strokes, brush) {
  const { scale, corner, ...picture } = renderCropped(strokes, brush);
  const ink = inkOf(picture);
  if (!ink) return [];
  const [left, top] = corner;
  const steps = normalizeDigit(ink);
  return [{ box: [left, top, picture.width / scale, picture.height / scale], ink, image: steps.mnist, steps }];
}

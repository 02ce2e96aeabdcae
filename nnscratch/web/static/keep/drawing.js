// A drawing from outside (a link, or what the browser kept), checked as the server checks one: web/api.py.

const MOST_POINTS = 5000;
const MOST_LENGTH = 50000; // pixels of ink
const [LEAST_BRUSH, MOST_BRUSH] = [1, 100];
const CANVAS = 500;

const isCoordinate = (value) => typeof value === 'number' && value > -1e6 && value < 1e6;
const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(isCoordinate);
const isStroke = (stroke) => Array.isArray(stroke) && stroke.length > 0 && stroke.every(isPoint);

// { strokes: [[[x, y], ...], ...], brush } and nothing else of what came. Throws an Error, one sentence for people.
export function checkedDrawing({ strokes, brush = 24 }) {
  if (!(typeof brush === 'number' && brush >= LEAST_BRUSH && brush <= MOST_BRUSH)) {
    throw new Error(`its brush is not ${LEAST_BRUSH} to ${MOST_BRUSH} pixels wide`);
  }
  if (!Array.isArray(strokes) || strokes.length === 0 || !strokes.every(isStroke)) throw new Error('it holds no strokes');
  const points = strokes.reduce((total, stroke) => total + stroke.length, 0);
  if (points > MOST_POINTS) throw new Error(`it has more than ${MOST_POINTS} points`);
  if (strokes.reduce((total, stroke) => total + length(stroke), 0) > MOST_LENGTH) {
    throw new Error(`it has more than ${MOST_LENGTH} pixels of ink`);
  }
  return { strokes: strokes.map((stroke) => stroke.map(([x, y]) => [x, y])), brush };
}

// The same, or null.
export function drawingOrNull(value) {
  try {
    return checkedDrawing(value);
  } catch {
    return null;
  }
}

// The pixels of a stroke, of which what lies beyond the canvas does not count.
function length(stroke) {
  const inside = stroke.map((point) => point.map((value) => Math.min(Math.max(value, 0), CANVAS)));
  return inside.slice(1).reduce((total, [x, y], k) => total + Math.hypot(x - inside[k][0], y - inside[k][1]), 0);
}

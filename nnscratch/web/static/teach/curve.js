// The loss, step by step, as a small curve.

const [WIDTH, HEIGHT, EDGE] = [240, 72, 5];
const SVG = 'http://www.w3.org/2000/svg';

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// { place: the element, show(losses) }; what it shows is said in words beside it.
export function lossCurve() {
  const place = shape('svg', { class: 'curve', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' });

  function show(losses) {
    const steps = Math.max(losses.length - 1, 1);
    const top = Math.max(...losses, 1e-9);
    const points = losses.map((loss, k) => [
      EDGE + (k / steps) * (WIDTH - 2 * EDGE),
      HEIGHT - EDGE - (loss / top) * (HEIGHT - 2 * EDGE),
    ]);
    const floor = shape('line', { class: 'floor', x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 });
    const line = shape('polyline', { class: 'line', points: points.map((point) => point.join()).join(' ') });
    const dots = points.map(([cx, cy]) => shape('circle', { cx, cy, r: losses.length > 40 ? 1.5 : 3 }));
    place.replaceChildren(floor, line, ...dots);
  }

  return { place, show };
}

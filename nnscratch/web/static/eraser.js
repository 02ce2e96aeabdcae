// The eraser cuts strokes: a drawing remains strokes, whatever is taken out of it.

const FINE = 2; // pixels between the points of a stroke that is cut

// The strokes [[[x, y], ...], ...] without what lies within reach of the line from one point to another. A stroke falls
// into the pieces that are left; one that is not touched stays as it is.
export function erased(strokes, from, to, reach) {
  return strokes.flatMap((stroke) => {
    const points = finely(stroke);
    const isLeft = (point) => distance(point, from, to) > reach;
    return points.every(isLeft) ? [stroke] : pieces(points, isLeft);
  });
}

function pieces(points, isLeft) {
  const made = [];
  let open = false;
  for (const point of points) {
    if (isLeft(point) && open) made.at(-1).push(point);
    else if (isLeft(point)) made.push([point]);
    open = isLeft(point);
  }
  return made;
}

function finely(stroke) {
  return stroke.flatMap(([x, y], k) => {
    if (k === 0) return [[x, y]];
    const [fromX, fromY] = stroke[k - 1];
    const count = Math.max(Math.ceil(Math.hypot(x - fromX, y - fromY) / FINE), 1);
    return Array.from({ length: count }, (_, step) => {
      const share = (step + 1) / count;
      return [fromX + share * (x - fromX), fromY + share * (y - fromY)];
    });
  });
}

// Of a point from the nearest point of a line.
function distance([x, y], [fromX, fromY], [toX, toY]) {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const along = Math.min(Math.max(((x - fromX) * dx + (y - fromY) * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return Math.hypot(x - fromX - along * dx, y - fromY - along * dy);
}

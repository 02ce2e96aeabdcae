// The empty page draws a digit by itself, and reads it; a touch ends that.

const DRAWN = 1600; // milliseconds
const PAUSE = 700; // before it begins
// A 3, and a 7 with its bar; pixels of the pad.
const FORMS = [
  [[[165, 165], [190, 125], [235, 105], [290, 112], [325, 145], [322, 190], [285, 225], [232, 240], [290, 252], [332, 285], [342, 335], [312, 380], [255, 400], [195, 390], [155, 358]]],
  [[[150, 130], [230, 128], [345, 124], [320, 180], [280, 255], [250, 325], [232, 395]], [[205, 262], [265, 260], [325, 256]]],
];

// show(strokes) is called while it draws, and done() at the end. Returns what ends it before.
export function playDemo(show, done) {
  const strokes = FORMS[Math.floor(FORMS.length * Math.random())].map(smooth);
  const whole = strokes.flat().length;
  let start = null;
  let frame = requestAnimationFrame(step);
  function step(now) {
    start ??= now + PAUSE;
    const share = Math.min(Math.max((now - start) / DRAWN, 0), 1);
    show(first(strokes, Math.round(share * whole)));
    if (share < 1) frame = requestAnimationFrame(step);
    else done();
  }
  return () => cancelAnimationFrame(frame);
}

// So many points of the strokes, from the first.
function first(strokes, count) {
  const shown = [];
  for (const stroke of strokes) {
    if (count > 0) shown.push(stroke.slice(0, count));
    count -= stroke.length;
  }
  return shown;
}

// A curve through the points (Catmull-Rom).
function smooth(points) {
  const at = (k) => points[Math.min(Math.max(k, 0), points.length - 1)];
  const between = ([a, b, c, d], t) => 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3);
  const curve = points.slice(1).flatMap((_, k) =>
    Array.from({ length: 8 }, (__, step) => [0, 1].map((axis) => between([-1, 0, 1, 2].map((apart) => at(k + apart)[axis]), step / 8))),
  );
  return [...curve, points.at(-1)];
}

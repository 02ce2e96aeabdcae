// The result as a picture: the drawing, what was read, the bars, and who made it.

import { paintStrokes } from '../paint.js';

const [WIDTH, HEIGHT, EDGE] = [1200, 630, 65]; // as those who show links want them
const CANVAS = 500;
const COLORS = { back: '#f8f7f4', paper: '#ffffff', ink: '#14181f', text: '#1b1f27', quiet: '#5b616d', room: '#ebe8e1', bar: '#aeb4bf', accent: '#2b50c8' };
const SHOWN = 10;
const FONT = 'system-ui, sans-serif';

// A canvas with it. name: what is read, as text; sentence: the same in words; image is shown where there are no strokes;
// about says whose bars they are, of several.
export function card({ strokes, brush, image, name, sentence, about, probabilities, classes, digit }) {
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext('2d');
  context.fillStyle = COLORS.back;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  drawing(context, { strokes, brush, image });
  const left = EDGE + CANVAS + 60;
  const room = WIDTH - EDGE - left;
  write(context, name, left, 220, { size: 190, weight: 750, color: COLORS.accent, room });
  write(context, sentence, left, 285, { size: 32, weight: 600, room });
  write(context, about, left, 322, { size: 22, color: COLORS.quiet, room });
  columns(context, { probabilities, classes, digit }, left, room);
  write(context, 'nnscratch', left, HEIGHT - EDGE, { size: 26, weight: 700, room });
  const at = left + context.measureText('nnscratch').width + 14;
  write(context, 'neural networks, written by hand', at, HEIGHT - EDGE, { size: 22, color: COLORS.quiet, room: WIDTH - EDGE - at });
  return canvas;
}

function drawing(context, { strokes, brush, image }) {
  context.save();
  context.translate(EDGE, EDGE);
  context.beginPath();
  context.roundRect(0, 0, CANVAS, CANVAS, 24);
  context.clip();
  context.fillStyle = strokes ? COLORS.paper : '#000';
  context.fillRect(0, 0, CANVAS, CANVAS);
  if (strokes) paintStrokes(context, strokes, brush, COLORS.ink);
  else pixels(context, image);
  context.restore();
}

function pixels(context, image) {
  const side = CANVAS / 28;
  image.forEach((level, k) => {
    context.fillStyle = `rgb(${level} ${level} ${level})`;
    context.fillRect((k % 28) * side, Math.floor(k / 28) * side, side + 1, side + 1);
  });
}

function write(context, text, x, y, { size, weight = 400, color = COLORS.text, room }) {
  context.font = `${weight} ${size}px ${FONT}`;
  const shrunk = Math.min(1, room / context.measureText(text).width);
  if (shrunk < 1) context.font = `${weight} ${Math.floor(size * shrunk)}px ${FONT}`;
  context.fillStyle = color;
  context.fillText(text, x, y);
}

function columns(context, { probabilities, classes, digit }, left, room) {
  const order = probabilities.map((_, k) => k);
  const shown = classes.length <= SHOWN ? order : order.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, SHOWN);
  const [top, height, step] = [335, 120, room / shown.length];
  shown.forEach((k, place) => {
    const [x, width] = [left + place * step, step - 10];
    context.fillStyle = COLORS.room;
    box(context, x, top, width, height);
    context.fillStyle = k === digit ? COLORS.accent : COLORS.bar;
    box(context, x, top + height * (1 - probabilities[k]), width, height * probabilities[k]);
    context.textAlign = 'center';
    write(context, classes[k], x + width / 2, top + height + 34, { size: 24, weight: k === digit ? 700 : 400, color: k === digit ? COLORS.text : COLORS.quiet, room: width });
    context.textAlign = 'left';
  });
}

function box(context, x, y, width, height) {
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(6, height / 2));
  context.fill();
}

export const asPNG = (canvas) => new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });

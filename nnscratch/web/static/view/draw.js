// The picture of a network on a canvas: what flows, the stages on top of it, and what the chosen unit has to do with.

import { bytes, css, largest, line } from './colours.js';
import { flowsInto } from './flows.js';
import { mapBox, unitBox } from './layout.js';
import { mapOf } from './stages.js';

const FAINT = 0.05; // of the strongest line: fainter ones are left out
const scratch = document.createElement('canvas');

// view: what passOf returns, and layout, and chosen: { s, unit, windows: of windowsOf }; colours: { back, quiet, mark }
export function draw(context, view, colours) {
  const { layout, stages, values, back } = view;
  const direction = back ? 'backward' : 'forward';
  context.setTransform(layout.ratio, 0, 0, layout.ratio, 0, 0);
  context.clearRect(0, 0, layout.width, layout.height);
  for (let s = 1; s < stages.length; s++) drawFlows(context, view, s, colours);
  stages.forEach((stage, s) => {
    const { left, top, width, height } = layout.boxes[s];
    context.fillStyle = colours.back; // lines end at a stage
    context.fillRect(left, top, width, height);
    if (stage.kind === 'classes') drawClasses(context, view, s, direction);
    else drawMaps(context, view, s, values[s], direction);
  });
  drawChosen(context, view, colours);
}

// ---- what flows

function drawFlows(context, view, s, colours) {
  const { stages, layout, shown } = view;
  const flows = flowsInto(view.network, view, stages[s - 1], stages[s]);
  const strongest = largest(flows.map((flow) => flow.value));
  for (const { from, to, ofMaps, value } of flows) {
    const share = Math.abs(value) / strongest;
    if (!(share > FAINT)) continue;
    const place = (k, unit) => (ofMaps ? boxOfMap : unitBox)(stages[k], layout.boxes[k], shown[k], unit);
    const [start, end] = [place(s - 1, from), place(s, to)];
    if (!start || !end) continue;
    context.globalAlpha = 0.12 + 0.5 * share;
    context.strokeStyle = view.back ? line('backward', value) : value < 0 ? line('forward', value) : colours.quiet;
    context.lineWidth = 0.6 + 1.6 * share;
    curve(context, start, end, layout.across);
  }
  context.globalAlpha = 1;
}

const boxOfMap = (stage, box, shown, unit) => {
  const place = shown.indexOf(mapOf(stage, unit));
  return place < 0 ? null : mapBox(stage, box, place);
};

function curve(context, start, end, across) {
  const [x, y] = across ? [start.left + start.width, start.top + start.height / 2] : [start.left + start.width / 2, start.top + start.height];
  const [toX, toY] = across ? [end.left, end.top + end.height / 2] : [end.left + end.width / 2, end.top];
  context.beginPath();
  context.moveTo(x, y);
  if (across) context.bezierCurveTo((x + toX) / 2, y, (x + toX) / 2, toY, toX, toY);
  else context.bezierCurveTo(x, (y + toY) / 2, toX, (y + toY) / 2, toX, toY);
  context.stroke();
}

// ---- the stages

function drawMaps(context, { stages, layout, shown }, s, values, direction) {
  const [stage, box] = [stages[s], layout.boxes[s]];
  const [, H, W] = stage.shape;
  const scale = 1 / (largest(values) || 1);
  if (H * W === 1) {
    shown[s].forEach((unit, place) => {
      const { left, top, width, height } = mapBox(stage, box, place);
      context.fillStyle = css(direction, values[unit] * scale);
      context.fillRect(left, top, width, height);
    });
    return;
  }
  const image = new ImageData(W, H * shown[s].length);
  const pixels = new Uint32Array(image.data.buffer);
  shown[s].forEach((map, place) => {
    for (let k = 0; k < H * W; k++) pixels[place * H * W + k] = bytes(direction, values[map * H * W + k] * scale);
  });
  Object.assign(scratch, { width: image.width, height: image.height });
  scratch.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  shown[s].forEach((_, place) => {
    const { left, top, width, height } = mapBox(stage, box, place);
    context.drawImage(scratch, 0, place * H, W, H, left, top, width, height);
  });
}

// A class is a row: its name, a bar, and its probability, or backward its slope.
function drawClasses(context, view, s, direction) {
  const { stages, layout, shown, values, probabilities, classes } = view;
  const scale = 1 / (largest(values[s]) || 1);
  context.textBaseline = 'middle';
  shown[s].forEach((unit, place) => {
    const box = mapBox(stages[s], layout.boxes[s], place);
    const isRead = probabilities[unit] === Math.max(...probabilities);
    const share = view.back ? Math.abs(values[s][unit]) * scale : probabilities[unit];
    const color = view.back ? css(direction, values[s][unit] * scale) : isRead ? line('forward', 1) : '#8d95a5';
    context.fillStyle = css(direction, 0);
    context.fillRect(box.left, box.top, box.width, box.height);
    context.font = `${isRead ? '700 ' : ''}13px system-ui, sans-serif`;
    (box.height > box.width ? standing : lying)(context, box, classes[unit], share, color, isRead ? '#fff' : '#c3c8d2');
  });
}

function lying(context, { left, top, width, height }, name, share, color, ink) {
  const room = Math.min(width / 2, context.measureText(name).width + 10);
  context.fillStyle = color;
  context.fillRect(left + room, top + 3, (width - room - 3) * share, height - 6);
  context.fillStyle = ink;
  context.textAlign = 'left';
  context.fillText(name, left + 5, top + height / 2 + 1, room - 6);
}

function standing(context, { left, top, width, height }, name, share, color, ink) {
  const room = height - 20;
  context.fillStyle = color;
  context.fillRect(left + 3, top + 3 + room * (1 - share), width - 6, room * share);
  context.fillStyle = ink;
  context.textAlign = 'center';
  context.fillText(name, left + width / 2, top + height - 8, width - 2);
}

// ---- the chosen unit, and what it reads

function drawChosen(context, view, colours) {
  const { stages, layout, shown, chosen } = view;
  const at = unitBox(stages[chosen.s], layout.boxes[chosen.s], shown[chosen.s], chosen.unit);
  if (!at) return;
  context.strokeStyle = context.fillStyle = colours.mark;
  const other = chosen.s + (view.back ? 1 : -1);
  context.lineWidth = 1.5;
  for (const window of chosen.windows) {
    const corners = window.map((unit) => unitBox(stages[other], layout.boxes[other], shown[other], unit));
    if (corners.some((corner) => !corner)) continue;
    const [first, last] = corners;
    const frame = { left: first.left, top: first.top, width: last.left + last.width - first.left, height: last.top + last.height - first.top };
    outline(context, frame);
    context.globalAlpha = 0.7;
    if (view.back) curve(context, at, frame, layout.across);
    else curve(context, frame, at, layout.across);
    context.globalAlpha = 1;
  }
  context.lineWidth = 2;
  outline(context, at, 1.5);
}

function outline(context, { left, top, width, height }, apart = 0.5) {
  context.strokeRect(left - apart, top - apart, width + 2 * apart, height + 2 * apart);
}

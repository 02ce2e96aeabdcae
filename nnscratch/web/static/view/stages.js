// A network as its picture shows it: pixels, maps, units, classes, each with the numbers of the last pass.
//
// A stage begins with a layer that computes sums or picks pixels; what works on each number by itself (activations,
// batch normalisation, dropout, flatten) belongs to the stage before it. The units of a stage are numbered as in the
// layers' outputs: pixel (row, column) of map c is unit (c H + row) W + column.

import { sizeOf } from '../engine/layers.js';

const BEGIN = ['Conv2D', 'Dense', 'MaxPool2D', 'AvgPool2D'];
export const PASS_ON = ['Flatten', 'Dropout']; // numbers as they came
const MOST = { pixels: 1, maps: 64, units: 512, classes: 10 }; // that are shown, of maps, units or classes

// [{ kind: 'pixels', 'maps', 'units' or 'classes', first, last (layers; -1 of the pixels), title, shape: [C, H, W] }]
export function stagesOf({ layers }) {
  const stages = [{ kind: 'pixels', first: -1, last: -1, title: 'pixels', shape: [1, 28, 28] }];
  layers.forEach((layer, k) => {
    const alone = stages.length === 1 && !PASS_ON.includes(layer.type);
    if (BEGIN.includes(layer.type) || alone) {
      const [C, H = 1, W = 1] = layer.shape;
      stages.push({ kind: H * W > 1 ? 'maps' : 'units', first: k, title: layer.name, shape: [C, H, W] });
    }
    stages.at(-1).last = k;
  });
  const last = stages.at(-1);
  Object.assign(last, { kind: 'classes', shape: [sizeOf(last.shape), 1, 1] });
  return stages;
}

// What a stage's units have to say: their activations, or the gradient with respect to them.
export const valuesOf = ({ last }, { pass, back }) => (back ? (last < 0 ? back.dinput : back.douts[last]) : last < 0 ? pass.inputs[0] : pass.outputs[last]);

// The numbers of the maps (units, classes) that are shown: all, or of very many the most active, in their order.
export function shownOf({ kind, shape: [C, H, W] }, values) {
  const all = Array.from({ length: C }, (_, c) => c);
  if (C <= MOST[kind]) return all;
  const activity = all.map((c) => {
    if (kind === 'classes') return values[c];
    let sum = 0;
    for (let k = c * H * W; k < (c + 1) * H * W; k++) sum += Math.abs(values[k]);
    return sum;
  });
  return all.sort((a, b) => activity[b] - activity[a]).slice(0, MOST[kind]).sort((a, b) => a - b);
}

export const mapOf = ({ shape: [, H, W] }, unit) => Math.floor(unit / (H * W));
export const pixelOf = ({ shape: [, H, W] }, unit) => [Math.floor((unit % (H * W)) / W), unit % W];

// A unit's name for people, who count from 0 here as the file's arrays do, and are told so.
export function nameOf(stage, unit, classes) {
  const { kind, shape: [C], title } = stage;
  const [row, column] = pixelOf(stage, unit);
  if (kind === 'pixels') return `pixel in row ${row}, column ${column}`;
  if (kind === 'classes') return `output for ${classes[unit]}`;
  return kind === 'maps' ? `${title}, map ${mapOf(stage, unit)} of 0 to ${C - 1}, row ${row}, column ${column}` : `${title}, unit ${unit} of 0 to ${C - 1}`;
}

export const activationsOf = ({ layers }, { first, last }) => (first < 0 ? [] : layers.slice(first + 1, last + 1).map(({ type }) => type).filter((type) => !PASS_ON.includes(type)));

// What a stage is, in a few words: "6 maps of 24 x 24".
export function sizeText({ kind, shape: [C, H, W] }, shown = C) {
  const side = `${H}\u00a0×\u00a0${W}`;
  const what = kind === 'pixels' ? side : kind === 'maps' ? `${C} maps of ${side}` : `${C} ${kind}`;
  return shown < C ? `${shown} ${kind === 'classes' ? 'likeliest' : 'most active'} of ${what}` : what;
}

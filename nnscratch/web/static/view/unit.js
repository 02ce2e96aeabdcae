// What goes into a unit, and what it makes of it; and, backward, what its gradient is the sum of.
//
// The layers say so themselves: the backward pass of a gradient that is 1 at one unit and 0 elsewhere gives, with respect
// to the weights, the inputs that they meet, and with respect to the inputs, their weights.

import { LAYERS, sizeOf } from '../engine/layers.js';
import { PASS_ON } from './stages.js';

const oneAt = (unit, length) => {
  const values = new Float64Array(length);
  values[unit] = 1;
  return values;
};
const like = (p) => Object.fromEntries(Object.entries(p).map(([key, values]) => [key, new Float64Array(values.length)]));
const total = (values) => values.reduce((sum, value) => sum + value, 0);
const isSum = (layer) => 'W' in layer.parameters;
const isPool = (layer) => layer.type.endsWith('Pool2D');

// The gradient of one unit of a layer with respect to its inputs (dx) and to its parameters (dp).
function pulled(layer, unit, x, out, p = layer.p) {
  const dp = like(p);
  return { dp, dx: layer.backward(oneAt(unit, sizeOf(layer.shape)), { x, out, p, dp }) };
}

// Which inputs a unit reads, by their numbers: an Array; of a dense layer all, said by null.
export function reach(layer, unit, inputShape) {
  if (layer.type === 'Dense') return null;
  const ones = new Float64Array(sizeOf(inputShape)).fill(1);
  const touched = isPool(layer)
    ? pulled(meanOf(layer, inputShape), unit, ones, null, {}).dx
    : layer.type === 'Conv2D'
      ? pulled(layer, unit, ones, null, { W: new Float64Array(layer.p.W.length).fill(1), b: layer.p.b }).dx
      : oneAt(unit, ones.length);
  return Array.from(touched.keys()).filter((k) => touched[k] > 0);
}

const meanOf = (layer, inputShape) => ({ ...LAYERS.get('AvgPool2D').make(layer.settings, inputShape), parameters: {} });

// { kind: 'sum', 'largest', 'mean' or 'alone', inputs, weights, products (Arrays), shape: [C, H, W] to draw them in, bias,
// total, won (of 'largest', the place), steps: [{ type, value }] of the layers that follow in the stage }
export function forwardParts({ layers }, { inputs, outputs }, stages, s, unit) {
  const { first, last } = stages[s];
  const [layer, x] = [layers[first], inputs[first]];
  const steps = layers.slice(first + 1, last + 1).map(({ type }, k) => ({ type, value: outputs[first + 1 + k][unit] })).filter(({ type }) => !PASS_ON.includes(type));
  if (isSum(layer)) return { kind: 'sum', ...summed(layer, unit, x, stages[s - 1]), total: outputs[first][unit], steps };
  const from = reach(layer, unit, stages[s - 1].shape);
  const values = from.map((k) => x[k]);
  const parts = { inputs: values, total: outputs[first][unit], steps, from };
  if (!isPool(layer)) return { kind: 'alone', type: layer.type, ...parts, shape: [1, 1, 1] };
  const columns = new Set(from.map((k) => k % stages[s - 1].shape[2])).size;
  const kind = layer.type === 'MaxPool2D' ? 'largest' : 'mean';
  return { kind, ...parts, shape: [1, values.length / columns, columns], won: values.indexOf(Math.max(...values)) };
}

// inputs x weights = products of a unit; places outside of the image, in the padding, are inputs of 0.
function summed(layer, unit, x, before) {
  const [C] = layer.parameters.W;
  const channel = Math.floor((unit * C) / sizeOf(layer.shape));
  const n = layer.p.W.length / C;
  const ofChannel = (values) => Array.from(values.subarray(channel * n, (channel + 1) * n));
  const [inputs, weights] = [ofChannel(pulled(layer, unit, x).dp.W), ofChannel(layer.p.W)];
  const shape = layer.type === 'Dense' ? before.shape : layer.parameters.W.slice(1);
  return { inputs, weights, products: inputs.map((value, k) => value * weights[k]), shape, bias: layer.p.b[channel] };
}

// The same of a gradient: inputs are the slopes of what the unit goes into in the next stage, weights how much each of
// them grows with it. total is the slope of the unit, steps what activations make of it on the way back to the sum.
export function backwardParts({ layers }, pass, { douts, dinput }, stages, s, unit) {
  const { first, last } = stages[s];
  const slope = last < 0 ? dinput[unit] : douts[last][unit];
  const steps = [];
  for (let k = last; k > first; k--) if (!PASS_ON.includes(layers[k].type)) steps.push({ type: layers[k].type, value: douts[k - 1][unit] });
  if (s === stages.length - 1) return { kind: 'end', total: slope, steps };
  const after = stages[s + 1];
  const next = layers[after.first];
  const slopes = douts[after.first];
  if (isSum(next)) {
    const weights = Array.from(next.forward(oneAt(unit, pass.inputs[after.first].length), { ...next.p, b: new Float64Array(next.p.b.length) }));
    const inputs = Array.from(slopes);
    return { kind: 'sum', inputs, weights, products: inputs.map((value, k) => value * weights[k]), shape: after.shape, total: slope, steps };
  }
  const to = isPool(next) ? readers(next, unit, stages[s].shape) : [unit];
  const weights = to.map((k) => pulled(next, k, pass.inputs[after.first], pass.outputs[after.first]).dx[unit]);
  const inputs = to.map((k) => slopes[k]);
  return { kind: isPool(next) ? 'windows' : 'alone', type: next.type, inputs, weights, products: inputs.map((value, k) => value * weights[k]), shape: [1, 1, to.length], to, total: total(inputs.map((value, k) => value * weights[k])), steps };
}

// The windows of a pooling layer that a pixel stands in.
function readers(layer, unit, inputShape) {
  const share = meanOf(layer, inputShape).forward(oneAt(unit, sizeOf(inputShape)));
  return Array.from(share.keys()).filter((k) => share[k] > 0);
}

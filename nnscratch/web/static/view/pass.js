// All that the picture shows of one reading: the forward pass of an image and, if asked for, a backward pass.

import { reading } from '../engine/confidence.js';
import { topOf } from './flows.js';
import { shownOf, stagesOf, valuesOf } from './stages.js';
import { reach } from './unit.js';

const LINES = 12; // to a unit that reads all of the layer before it
const TINY = 2 ** -126; // as small as a probability may be in engine/network.js

// { network, classes, stages, pass (as network.forward returns it), digit, probabilities, back, shown, values (of each
// stage) }. way: 'forward', or back from the 'loss' or 'logit' of a target, by default of the class that is read.
export function passOf({ network, image }, way, target, stages = stagesOf(network)) {
  const pass = network.forward(image);
  const { digit, probabilities } = reading(pass.logits, network.limits, network.classes);
  const back = way === 'forward' ? null : backward(network, pass, way, target ?? digit);
  const shown = stages.map((stage) => shownOf(stage, valuesOf(stage, { pass })));
  const values = stages.map((stage) => valuesOf(stage, { pass, back }));
  return { network, classes: network.classes, stages, pass, digit, probabilities, back, shown, values };
}

// { of: way, target, loss, dinput, douts }
function backward(network, { outputs }, way, target) {
  const { loss, dout } = network.loss(target);
  const slope = logitSlopes(network, outputs.at(-1));
  const ofLogit = dout.map((_, k) => (k === target ? slope[k] : 0));
  const { dinput, douts } = network.backward(way === 'loss' ? dout : ofLogit);
  return { of: way, target, loss, dinput, douts };
}

// How much each logit grows with its output: a network that ends in a softmax has the logarithms of its outputs as logits.
export const logitSlopes = ({ layers, temperature }, out) =>
  out.map((value) => (layers.at(-1).type === 'Softmax' ? 1 / Math.max(value, TINY) : 1 / temperature));

// The unit of a stage that is the most active, or has the largest gradient; of the classes, the one that is read.
export function strongestOf({ values, stages, shown, digit }, s) {
  if (s === stages.length - 1) return digit;
  const [, H, W] = stages[s].shape;
  const isShown = new Set(shown[s]);
  const value = (k) => (isShown.has(Math.floor(k / (H * W))) ? values[s][k] : 0);
  return topOf(values[s].length, value, 1)[0] ?? shown[s][0] * H * W;
}

// What a unit reads, as [first, last] units of a rectangle in each map before it; backward, what it goes into in the next
// stage. Of many the largest products.
export function windowsOf({ network, stages, back }, { s, unit }, parts) {
  if (!parts) return [];
  const { to, products } = parts;
  if (back) return (to ?? topOf(products.length, (k) => products[k], LINES)).map((k) => [k, k]);
  const { shape } = stages[s - 1];
  const from = reach(network.layers[stages[s].first], unit, shape);
  if (from === null) return topOf(products.length, (k) => products[k], LINES).map((k) => [k, k]);
  const maps = new Map(); // and their first and last units
  for (const k of from) {
    const map = Math.floor(k / (shape[1] * shape[2]));
    maps.set(map, [maps.get(map)?.[0] ?? k, k]);
  }
  return [...maps.values()];
}

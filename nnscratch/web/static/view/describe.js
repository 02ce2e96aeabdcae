// A unit in words and numbers: what it is, and the sum or choice that its value comes from.

import { energyScore } from '../engine/confidence.js';
import { backwardParts, forwardParts } from './unit.js';
import { nameOf } from './stages.js';

// Three digits that count, and a minus that is as wide as a plus.
export const short = (value) => {
  const size = Math.abs(value);
  const text = size === 0 ? '0' : size < 1e-3 || size >= 1e5 ? value.toExponential(1) : Number(value.toPrecision(3)).toString();
  return text.replaceAll('-', '−');
};
const signed = (value) => `${value < 0 ? '−' : '+'} ${short(Math.abs(value))}`;
const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

// { name, text, parts (of unit.js; null for a pixel that enters) } of unit `unit` in stage s.
export function describe(view, s, unit) {
  const { stages, network } = view;
  const name = nameOf(stages[s], unit, network.classes);
  if (view.back) return { name, ...backward(view, s, unit) };
  if (s === 0) return { name, text: entering(view, unit), parts: null };
  const parts = forwardParts(network, view.pass, stages, s, unit);
  return { name, text: `${computed(view, stages[s - 1], parts)}${followed(parts)}${answered(view, s, unit)}.`, parts };
}

const entering = ({ pass }, unit) => `ink ${pass.image[unit]} of 255, which enters as ${short(pass.inputs[0][unit])}.`;

function computed({ network }, before, { kind, type, inputs, products, bias, total, from, won }) {
  if (kind === 'sum') return `${count(inputs.length, 'input')} × weights = ${short(products.reduce((sum, value) => sum + value, 0))}, ${signed(bias)} bias = ${short(total)}`;
  if (kind === 'largest') return `the largest of ${inputs.length}: ${short(total)}, that of ${nameOf(before, from[won], network.classes)}`;
  if (kind === 'mean') return `the mean of ${inputs.length}: ${short(total)}`;
  return `${short(inputs[0])}, and ${type} makes it ${short(total)}`;
}

const followed = ({ steps }) => steps.map(({ type, value }) => `; ${type} makes it ${short(value)}`).join('');

function answered({ stages, probabilities }, s, unit) {
  return stages[s].kind === 'classes' ? `; probability ${(100 * probabilities[unit]).toFixed(2)} %` : '';
}

// ---- the gradient

function backward(view, s, unit) {
  const { network, pass, back, stages } = view;
  const parts = backwardParts(network, pass, back, stages, s, unit);
  const text = `gradient ${short(parts.total)}${source(view, parts, stages[s + 1], unit)}${before(parts)}.`;
  return { text, parts: parts.kind === 'end' ? null : parts };
}

function source(view, { kind, inputs, weights, type }, after, unit) {
  if (kind === 'end') return atTheEnd(view, unit);
  if (kind === 'sum') return `: the sum of the gradients of ${count(weights.filter(Boolean).length, 'output')} of ${after.title} × the weights to them`;
  if (kind === 'alone') return ` through ${type}`;
  if (inputs.length === 0) return ': it is in no window';
  if (!type.startsWith('Max')) return `: its share of ${count(inputs.length, 'window')} of ${after.title}`;
  return weights.some(Boolean) ? `: it won in ${after.title}, and has the gradient of what it became` : `: another one won in ${after.title}, so nothing comes back`;
}

// The loss is that of training, which knows no temperature; a logit is at it.
function atTheEnd({ back, network: { layers, temperature }, pass }, unit) {
  const isTarget = unit === back.target;
  const [isSoftmax, isScaled] = [layers.at(-1).type === 'Softmax', temperature !== 1];
  if (back.of === 'logit') {
    if (!isTarget) return ': it is not the one that is asked about';
    return `: ${isScaled && !isSoftmax ? `1 / temperature ${short(temperature)}, as ` : ''}it is the one that is asked about`;
  }
  if (isSoftmax) return ' of the loss';
  const out = pass.outputs.at(-1);
  const p = `its probability ${short(Math.exp(out[unit] - energyScore(out)))}${isScaled ? ' at temperature 1' : ''}`;
  return `: ${p}${isTarget ? ' − 1, as it is the target' : ', as it is not the target'}`;
}

const before = ({ steps }) => steps.map(({ type, value }) => (value === 0 ? `; ${type} lets nothing through` : `; before ${type} ${short(value)}`)).join('');

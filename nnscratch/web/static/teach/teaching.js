// A network learns one image: a few steps of gradient descent (training/optimizers.py, SGD), none of them larger than
// it takes.
//
// The rate is a tenth of the step to where the loss would be 0, were it linear: loss / (10 |g|^2), with the gradient g at
// the start (B. Polyak: Introduction to Optimization, 1987, section 5.3). So networks of all kinds take about ten steps
// for what they misread. benchmarks/quality/bench_teaching.py: larger steps lose more of what was known before, smaller
// ones lose no less, and digits that are replayed in between change nothing.

import { reading } from '../engine/confidence.js';

const SHARE = 10;
const MOST_STEPS = 500; // a clear 3 that is to be a 4 takes 300
const REFUSED_STEPS = 100; // of what is learnt, and refused
const ENOUGH = 0.5; // the probability at which it is learnt: on to 0.9 costs five times the steps, and more of the rest

export const weightsOf = ({ parameters }) => Object.fromEntries(Object.entries(parameters).map(([key, one]) => [key, one.slice()]));

export function restore({ parameters }, weights) {
  for (const [key, one] of Object.entries(parameters)) one.set(weights[key]);
}

// How far the weights are from others, as a share of the norm of those.
export function moved({ parameters }, weights) {
  const squares = (of) => Object.entries(weights).reduce((sum, [key, one]) => sum + one.reduce((part, w, k) => part + of(w, parameters[key][k]) ** 2, 0), 0);
  return Math.sqrt(squares((w, now) => now - w) / squares((w) => w));
}

// Changes the network until it reads the label in the image, and yields before each step, and at the end, what it says:
// { step, loss, digit, probability (of the label), isRead: not refused }. Where it refuses the image even then, it goes on
// to step 100. Throws an Error, one sentence for people, where it cannot learn it.
export function* lesson(network, image, label) {
  let rate = null;
  for (let step = 0; ; step++) {
    const { digit, probabilities, verdict } = reading(network.forward(image).logits, network.limits, network.classes);
    const { loss, dout } = network.loss(label);
    const isRead = verdict === 'sure' || verdict === 'unsure';
    const isLearnt = digit === label && probabilities[label] >= ENOUGH;
    const isLast = step === MOST_STEPS || (isLearnt && (isRead || step >= REFUSED_STEPS));
    const gradients = isLast ? [] : trainable(network, network.backward(dout).gradients);
    yield { step, loss, digit, probability: probabilities[label], isRead };
    if (isLast && !isLearnt) throw new Error(`${MOST_STEPS} steps were not enough.`);
    if (isLast) return;
    rate ??= loss / (SHARE * squared(gradients));
    if (!Number.isFinite(rate)) throw new Error('Nothing in this network would change its mind: its gradient is 0.');
    descend(network, gradients, rate);
  }
}

function trainable({ layers }, gradients) {
  const fixed = new Set(layers.filter((layer) => layer.trainable === false).map(({ name }) => name));
  return Object.entries(gradients).filter(([key]) => !fixed.has(key.slice(0, key.lastIndexOf('.'))));
}

const squared = (gradients) => gradients.reduce((sum, [, g]) => sum + g.reduce((part, value) => part + value * value, 0), 0);

function descend({ parameters }, gradients, rate) {
  for (const [key, g] of gradients) g.forEach((value, k) => { parameters[key][k] -= rate * value; });
}

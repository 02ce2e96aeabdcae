// Sliders, and a small network that is trained anew, in the page, whenever one is moved: layers.js has its layers.
"use strict";

const play = JSON.parse(document.getElementById("data").textContent).play;
const unpacked = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const doubles = (text) => new Float64Array(unpacked(text).buffer);
const PIXELS = 196;

function vectors(text) {
  const bytes = unpacked(text);
  return Array.from({ length: bytes.length / PIXELS }, (_, n) =>
    Float64Array.from(bytes.subarray(n * PIXELS, (n + 1) * PIXELS), (pixel) => pixel / 255));
}

const [images, others] = [vectors(play.images), vectors(play.validationImages)];
const initial = Object.values(play.weights).map(doubles);

// Dense, activation, Dense. What a layer learns is p, its gradients dp, its velocities m.
function network(scale) {
  let shape = [PIXELS];
  return [["Dense", { units: play.units }], [play.activation, {}], ["Dense", { units: 10 }]].map(([type, settings], k) => {
    const layer = LAYERS.get(type).make(settings, shape);
    shape = layer.shape;
    const zeros = () => Object.fromEntries(
      Object.entries(layer.parameters ?? {}).map(([name, of]) => [name, new Float64Array(sizeOf(of))]));
    const made = { ...layer, p: zeros(), dp: zeros(), m: zeros() };
    if (type === "Dense") made.p.W.set(initial[k / 2].map((weight) => scale * weight));
    return made;
  });
}

function forward(layers, x) {
  const values = [x];
  for (const layer of layers) values.push(layer.forward(values.at(-1), layer.p));
  return values;
}

// The cross-entropy of softmax, and its gradient with respect to the scores: p - y.
function lossOf(scores, label) {
  const top = Math.max(...scores);
  const e = scores.map((score) => Math.exp(score - top));
  const total = e.reduce((sum, value) => sum + value, 0);
  const loss = Math.log(total) - (scores[label] - top);
  return { loss, dout: e.map((value, k) => value / total - (k === label ? 1 : 0)) };
}

// A step for the images first to last - 1. Returns their mean loss.
function step(layers, first, last, { rate, momentum }) {
  let sum = 0;
  for (const { dp } of layers) for (const gradient of Object.values(dp)) gradient.fill(0);
  for (let n = first; n < last; n++) {
    const values = forward(layers, images[n]);
    const { loss, dout } = lossOf(values.at(-1), play.labels[n]);
    sum += loss;
    let slope = dout.map((value) => value / (last - first));
    for (let k = layers.length - 1; k >= 0; k--) {
      slope = layers[k].backward(slope, { x: values[k], out: values[k + 1], p: layers[k].p, dp: layers[k].dp });
    }
  }
  for (const { p, dp, m } of layers) {
    for (const name of Object.keys(p)) {
      m[name].forEach((velocity, k) => {
        m[name][k] = momentum * velocity + dp[name][k];
        p[name][k] -= rate * m[name][k];
      });
    }
  }
  return sum / (last - first);
}

// Trains epoch by epoch; tells the losses of the batches after each. Ends where the loss is no number.
function* training({ rate, momentum = 0, scale = 1 }) {
  const [layers, losses] = [network(scale), []];
  for (let epoch = 0; epoch < play.epochs; epoch++) {
    for (let n = 0; n < images.length; n += play.batch) {
      losses.push(step(layers, n, Math.min(n + play.batch, images.length), { rate, momentum }));
      if (!Number.isFinite(losses.at(-1))) return yield { layers, losses };
    }
    yield { layers, losses };
  }
}

function accuracy(layers) {
  const right = others.filter((x, n) => {
    const scores = forward(layers, x).at(-1);
    return scores.indexOf(Math.max(...scores)) === play.validationLabels[n];
  });
  return right.length / others.length;
}

// How many hidden units have weights of their own.
function different({ p: { W } }) {
  const largest = W.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) || 1;
  const kept = [];
  for (let at = 0; at < W.length; at += PIXELS) {
    const unit = W.subarray(at, at + PIXELS);
    const alike = (other) => unit.every((weight, k) => Math.abs(weight - other[k]) < 1e-4 * largest);
    if (!kept.some(alike)) kept.push(unit);
  }
  return kept.length;
}

// ---- the page

const element = (id) => document.getElementById(id);
const value = ({ log }, input) => (log ? 10 ** Number(input.value) : Number(input.value));
const shown = (number) => String(Number(number.toPrecision(2)));
let run = 0; // counts the trainings: a newer one ends those before it

function settings() {
  const found = { rate: 0.5 };
  for (const [name, slider] of Object.entries(play.sliders)) {
    found[name] = value(slider, element(`play-${name}`));
    element(`play-${name}-value`).textContent = shown(found[name]);
  }
  return found;
}

function tell({ layers, losses }, done) {
  const steps = play.epochs * Math.ceil(images.length / play.batch);
  const points = losses.filter(Number.isFinite).map((loss, k) =>
    `${((300 * k) / (steps - 1)).toFixed(1)},${(100 - 100 * Math.min(loss / 4, 1)).toFixed(1)}`);
  element("play-line").setAttribute("points", points.join(" "));
  const last = losses.at(-1);
  const ended = Number.isFinite(last)
    ? `loss ${String(Number(last.toPrecision(3)))} in batch ${losses.length}`
    : `the loss is no number in batch ${losses.length}`;
  const units = `${different(layers[0])} of ${play.units} hidden units differ`;
  element("play-told").textContent = done
    ? `${ended}; ${(100 * accuracy(layers)).toFixed(1)} % of ${others.length} other images are read rightly; ${units}.`
    : `${ended} ...`;
}

async function trainAgain() {
  const mine = ++run;
  let found;
  for (found of training(settings())) {
    tell(found, false);
    await new Promise((resolve) => setTimeout(resolve));
    if (run !== mine) return;
  }
  tell(found, true);
}

for (const name of Object.keys(play.sliders)) element(`play-${name}`).addEventListener("input", trainAgain);
element("play").hidden = false;
trainAgain();

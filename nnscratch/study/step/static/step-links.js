// What a layer does to single numbers: the same as links and links_back of study/step/arithmetic.py.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function decoded(packed) {
  const bytes = Uint8Array.from(atob(packed.base64), (c) => c.charCodeAt(0));
  const Kind = packed.type === "f4" ? Float32Array : Float64Array;
  return { values: new Kind(bytes.buffer), shape: packed.shape };
}

const read = (array, index) => array.values[flat(index, array.shape)];
const flat = (index, shape) => index.reduce((sum, i, axis) => sum * shape[axis] + i, 0);

function unflat(number, shape) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(number % size);
    number = Math.floor(number / size);
  }
  return index;
}

// outputs[0] is the input, outputs[k + 1] that of layer k; douts likewise are the gradients by them
const outputs = data.outputs.map(decoded);
const douts = data.douts.map(decoded);
const parameters = Object.fromEntries(Object.entries(data.parameters).map(([name, p]) => [name, decoded(p)]));
const gradients = Object.fromEntries(Object.entries(data.gradients).map(([name, p]) => [name, decoded(p)]));
const extras = data.layers.map((layer) => (layer.extra ? decoded(layer.extra) : null)); // winners, or d out / d x

function* taps(layer) {
  for (let i = 0; i < layer.window[0]; i++) for (let j = 0; j < layer.window[1]; j++) yield [i, j];
}

function pixelOf(layer, at, tap) {
  return [0, 1].map((axis) => at[axis] * layer.step[axis] + tap[axis] - layer.zeros[axis]);
}

const inside = (pixel, shape) => pixel.every((p, axis) => p >= 0 && p < shape[axis]);

function poolShare(k, unit, tap) {
  const layer = data.layers[k];
  if (layer.kind === "average") return [1 / (layer.window[0] * layer.window[1]), `1/${layer.window[0] * layer.window[1]}`];
  const won = read(extras[k], unit) === tap[0] * layer.window[1] + tap[1];
  return [won ? 1 : 0, `won at tap (${tap.join(", ")})`];
}

// Yields [index of an input, its factor, the factor's name, tap] for a unit of the output of layer k that is a sum,
// a choice or a copy.
function* links(k, unit) {
  const layer = data.layers[k], shape = outputs[k].shape, W = parameters[`${layer.name}.W`];
  if (layer.kind === "dense") {
    for (let i = 0; i < shape[0]; i++) yield [[i], read(W, [unit[0], i]), `W[${unit[0]}, ${i}]`, null];
  } else if (layer.kind === "conv") {
    for (let c = 0; c < shape[0]; c++) for (const tap of taps(layer)) {
      const pixel = pixelOf(layer, unit.slice(1), tap), at = [unit[0], c, ...tap];
      if (inside(pixel, shape.slice(1))) yield [[c, ...pixel], read(W, at), `W[${at.join(", ")}]`, tap];
    }
  } else if (layer.kind === "max" || layer.kind === "average") {
    for (const tap of taps(layer)) {
      const pixel = pixelOf(layer, unit.slice(1), tap);
      if (inside(pixel, shape.slice(1))) yield [[unit[0], ...pixel], ...poolShare(k, unit, tap), tap];
    }
  } else if (layer.kind === "flatten") {
    yield [unflat(unit[0], shape), 1, "1", null];
  }
}

// Yields [index of an output, the factor, its name] for every output of layer k that a number of its input enters.
function* linksBack(k, unit) {
  const layer = data.layers[k], shape = outputs[k + 1].shape, W = parameters[`${layer.name}.W`];
  if (layer.kind === "dense") {
    for (let d = 0; d < shape[0]; d++) yield [[d], read(W, [d, unit[0]]), `W[${d}, ${unit[0]}]`];
  } else if (layer.kind === "conv") {
    for (let f = 0; f < shape[0]; f++) for (const [tap, at] of windowsOver(layer, unit.slice(1), shape.slice(1))) {
      const weight = [f, unit[0], ...tap];
      yield [[f, ...at], read(W, weight), `W[${weight.join(", ")}]`];
    }
  } else if (layer.kind === "max" || layer.kind === "average") {
    for (const [tap, at] of windowsOver(layer, unit.slice(1), shape.slice(1))) {
      yield [[unit[0], ...at], ...poolShare(k, [unit[0], ...at], tap)];
    }
  } else if (layer.kind === "flatten") {
    yield [[flat(unit, outputs[k].shape)], 1, "1"];
  } else if (layer.kind === "number") {
    yield [unit, read(extras[k], unit), derivativeName(k, unit)];
  } else if (layer.kind === "softmax") {
    const p = outputs[k + 1].values;
    for (let j = 0; j < shape[0]; j++) {
      const same = j === unit[0] ? 1 : 0;
      yield [[j], p[j] * (same - p[unit[0]]), `p[${j}] (${same} - p[${unit[0]}])`];
    }
  }
}

function* windowsOver(layer, pixel, positions) {
  for (const tap of taps(layer)) {
    const at = [0, 1].map((axis) => (pixel[axis] + layer.zeros[axis] - tap[axis]) / layer.step[axis]);
    if (at.every(Number.isInteger) && inside(at, positions)) yield [tap, at];
  }
}

// Yields [index of a unit, what the parameter's number is multiplied by in it, that one's name].
function* linksOfWeight(k, parameter, at) {
  const layer = data.layers[k], x = outputs[k], shape = outputs[k + 1].shape;
  const positions = shape.slice(1).reduce((product, size) => product * size, 1);
  for (let number = 0; number < positions; number++) {
    const unit = [at[0], ...unflat(number, shape.slice(1))];
    if (parameter === "b" || parameter === "beta") yield [unit, 1, "1"];
    else if (parameter === "gamma") yield [unit, read(decodedOnce(layer, "xhat"), unit), `xhat[${unit.join(", ")}]`];
    else if (layer.kind === "dense") yield [unit, read(x, [at[1]]), `x[${at[1]}]`];
    else {
      const pixel = pixelOf(layer, unit.slice(1), at.slice(2));
      const there = inside(pixel, x.shape.slice(1));
      yield [unit, there ? read(x, [at[1], ...pixel]) : 0, there ? `x[${[at[1], ...pixel].join(", ")}]` : "padding"];
    }
  }
}

// How d out / d x comes about, in numbers: the same as derivative_name of study/step/arithmetic.py.
function derivativeName(k, unit) {
  const layer = data.layers[k], out = shown(read(outputs[k + 1], unit)), channel = [unit[0]];
  switch (layer.does) {
    case "Tanh": return `(1 - ${out}^2)`;
    case "Sigmoid": return `${out} (1 - ${out})`;
    case "BatchNorm": {
      const gamma = shown(read(parameters[`${layer.name}.gamma`], channel));
      return `${gamma} / sqrt(${shown(read(decodedOnce(layer, "var"), channel))} + ${layer.eps})`;
    }
    case "Dropout": return "mask";
    default: return `x > 0 is ${read(outputs[k], unit) > 0}:`;
  }
}

function decodedOnce(layer, key) {
  if (!layer[key].values) layer[key] = decoded(layer[key]);
  return layer[key];
}

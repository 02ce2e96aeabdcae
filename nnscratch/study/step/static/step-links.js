// What a layer does to single numbers, from tables that Python has made from its Jacobian.
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

const inside = (index, shape) => index.every((i, axis) => i >= 0 && i < shape[axis]);

// The Jacobian's rows, which study/step/tables.py has from the layers: a first number and a pattern of steps.
const unpacked = (table) => Object.fromEntries(Object.entries(table).map(([name, packed]) => [name, decoded(packed).values]));
const inputTables = data.layers.map((layer) => (layer.inputs ? unpacked(layer.inputs) : null));
const weightTables = data.layers.map((layer) => (layer.weights ? unpacked(layer.weights) : null));

function rowOf(table, number) {
  const which = table.which[number], start = which ? table.ends[which - 1] : 0;
  return Float64Array.from(table.steps.subarray(start, table.ends[which]), (step) => step + table.first[number]);
}

// Where the links of a unit begin among all links of a layer of one's own.
const starts = inputTables.map((table) => {
  if (!table) return null;
  let sum = 0;
  return Array.from(table.which, (which) => {
    const start = sum;
    sum += table.ends[which] - (which ? table.ends[which - 1] : 0);
    return start;
  });
});

// The factor of a link, its name, and where it stands in the window: of the place-th input of a unit.
function factorOf(k, number, place) {
  const layer = data.layers[k];
  if (layer.kind === "own") return ownFactor(k, starts[k][number] + place);
  if (weightTables[k]) {
    const W = parameters[`${layer.name}.W`], at = unflat(rowOf(weightTables[k], number)[place], W.shape);
    return [read(W, at), `W[${at.join(", ")}]`, at.slice(2)];
  }
  if (!layer.window) return [1, "1", null];
  const offset = unflat(place, layer.window), offsets = layer.window[0] * layer.window[1];
  if (layer.kind === "average") return [1 / offsets, `1/${offsets}`, offset];
  return [extras[k].values[number] === place ? 1 : 0, `won at offset (${offset.join(", ")})`, offset];
}

function ownFactor(k, link) {
  const layer = data.layers[k], factor = decodedOnce(layer, "factors").values[link];
  for (const [name, weights] of Object.entries(weightTables[k])) {
    if (weights[link] >= 0) return [factor, `${name}[${unflat(weights[link], parameters[`${layer.name}.${name}`].shape).join(", ")}]`, null];
  }
  return [factor, factor === 1 ? "1" : "d out / d x", null];
}

// Yields [index of an input, its factor, the factor's name, offset] for a unit of the output of layer k.
function* links(k, unit) {
  const number = flat(unit, outputs[k + 1].shape), inputs = rowOf(inputTables[k], number);
  for (let place = 0; place < inputs.length; place++) yield [unflat(inputs[place], outputs[k].shape), ...factorOf(k, number, place)];
}

// Yields [index of an output, the factor, its name] for every output of layer k that a number of its input enters.
function* linksBack(k, unit) {
  const layer = data.layers[k], shape = outputs[k + 1].shape;
  if (layer.kind === "number") yield [unit, read(extras[k], unit), derivativeName(k, unit)];
  else if (layer.kind === "softmax") {
    const p = outputs[k + 1].values;
    for (let j = 0; j < shape[0]; j++) {
      const same = j === unit[0] ? 1 : 0;
      yield [[j], p[j] * (same - p[unit[0]]), `p[${j}] (${same} - p[${unit[0]}])`];
    }
  } else {
    const wanted = flat(unit, outputs[k].shape), table = inputTables[k], found = [];
    for (let number = 0; number < table.which.length; number++) {
      const place = rowOf(table, number).indexOf(wanted);
      if (place >= 0) found.push([weightTables[k]?.first ? rowOf(weightTables[k], number)[place] : place, number, place]);
    }
    found.sort((one, other) => one[0] - other[0]); // by weight, or by place in the window
    for (const [, number, place] of found) yield [unflat(number, shape), ...factorOf(k, number, place)];
  }
}

// Yields [index of a unit, what the parameter's number is multiplied by in it, that one's name].
function* linksOfWeight(k, parameter, at) {
  const layer = data.layers[k], shape = outputs[k + 1].shape;
  const positions = shape.slice(1).reduce((product, size) => product * size, 1);
  if (layer.kind === "own") yield* linksOfOwnWeight(k, parameter, at);
  else for (let number = at[0] * positions; number < (at[0] + 1) * positions; number++) {
    const unit = unflat(number, shape);
    if (parameter === "b" || parameter === "beta") yield [unit, 1, "1"];
    else if (parameter === "gamma") yield [unit, read(decodedOnce(layer, "xhat"), unit), `xhat[${unit.join(", ")}]`];
    else {
      const place = rowOf(weightTables[k], number).indexOf(flat(at, parameters[`${layer.name}.W`].shape));
      yield [unit, ...(place < 0 ? [0, "padding"] : inputOf(k, number, place))];
    }
  }
}

function inputOf(k, number, place) {
  const at = unflat(rowOf(inputTables[k], number)[place], outputs[k].shape);
  return [read(outputs[k], at), `x[${at.join(", ")}]`];
}

function* linksOfOwnWeight(k, parameter, at) {
  const wanted = flat(at, parameters[`${data.layers[k].name}.${parameter}`].shape), weights = weightTables[k][parameter];
  for (let number = 0; number < starts[k].length; number++) {
    const place = weights.subarray(starts[k][number], starts[k][number + 1]).indexOf(wanted);
    if (place >= 0) yield [unflat(number, outputs[k + 1].shape), ...inputOf(k, number, place)];
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

// What a layer does to single numbers, from tables that Python has made from its Jacobian.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function decoded(packed) {
  const bytes = Uint8Array.from(atob(packed.base64), (c) => c.charCodeAt(0));
  const values = new (packed.type === "f4" ? Float32Array : Float64Array)(bytes.buffer), size = sizeOf(packed.shape);
  return { values: values.length < size ? values.constructor.from({ length: size }, () => values[0]) : values, shape: packed.shape };
}

const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);
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

// Arrays of numbers, wherever they stand in the data, are decoded once, here.
function decodedAll(value) {
  if (value === null || typeof value !== "object") return value;
  if ("base64" in value) return decoded(value);
  if (Array.isArray(value)) return value.map(decodedAll);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, decodedAll(one)]));
}

// outputs[0] is the input, outputs[k + 1] that of layer k; douts likewise are the gradients with respect to them
const { outputs, douts, parameters, gradients, layers, updates } = decodedAll(data);

const names = ["input", ...layers.map((layer) => layer.name)]; // of outputs and douts

const inside = (index, shape) => index.every((i, axis) => i >= 0 && i < shape[axis]);

// A row of whole numbers, which study/step/tables.py has compressed: a first number and a pattern of steps.
function rowOf(table, number) {
  const which = table.which.values[number], start = which ? table.ends.values[which - 1] : 0;
  return Float64Array.from(table.steps.values.subarray(start, table.ends.values[which]), (step) => step + table.first.values[number]);
}

// Where the links of each unit begin among all links of a layer.
const starts = layers.map(({ links }) => {
  let sum = 0;
  return links && Array.from(links.which.values, (which) => {
    const start = sum;
    sum += links.ends.values[which] - (which ? links.ends.values[which - 1] : 0);
    return start;
  });
});

// A formula for single numbers, with the numbers of a unit of layer k in their places.
function filled(k, unit, formula, more) {
  const layer = layers[k], values = { layer: layer.name, out: read(outputs[k + 1], unit), ...more };
  if (sizeOf(outputs[k].shape) === sizeOf(outputs[k + 1].shape)) values.x = outputs[k].values[flat(unit, outputs[k + 1].shape)];
  for (const [name, value] of Object.entries(layer.constants)) values[name] = value.shape ? value.values[unit[0]] : value;
  return formula.replace(/\{(\w+)\}/g, (_, name) => typeof values[name] === "number" ? formatNumber(values[name]) : values[name]);
}

// The factor of the place-th link of a unit, its name, and where it stands in the window.
function factorOf(k, number, place, input) {
  const layer = layers[k], factor = layer.factors?.values[starts[k][number] + place];
  for (const [name, table] of Object.entries(layer.weights)) {
    const weight = rowOf(table, number)[place], array = parameters[`${layer.name}.${name}`];
    if (weight < 0) continue;
    const at = unflat(weight, array.shape);
    return [factor ?? array.values[weight], `${layer.name}.${name}[${at.join(", ")}]`, at.slice(2)];
  }
  if (!layer.factor) return [factor, factor === 1 ? "1" : "d out / d x", null];
  const unit = unflat(number, outputs[k + 1].shape), at = unflat(input, outputs[k].shape), offset = layer.window && unflat(place, layer.window);
  const more = { unit: unit.join(", "), input: at.join(", "), same: number === input ? 1 : 0 };
  if (offset) more.place = offset.join(", ");
  return [factor, filled(k, unit, layer.factor, more), offset];
}

// Yields [index of an input, its factor, the factor's name, where in the window] for a unit of the output of layer k.
function* links(k, unit) {
  const number = flat(unit, outputs[k + 1].shape), inputs = rowOf(layers[k].links, number);
  for (let place = 0; place < inputs.length; place++) yield [unflat(inputs[place], outputs[k].shape), ...factorOf(k, number, place, inputs[place])];
}

// Yields [index of an output, the factor, its name] for every output of layer k that a number of its input enters.
function* linksBack(k, unit) {
  const wanted = flat(unit, outputs[k].shape), layer = layers[k], found = [];
  for (let number = 0; number < starts[k].length; number++) {
    const place = rowOf(layer.links, number).indexOf(wanted);
    if (place < 0) continue;
    const weight = Math.max(-1, ...Object.values(layer.weights).map((table) => rowOf(table, number)[place]));
    found.push([weight < 0 ? place : weight, number, place]);
  }
  found.sort((one, other) => one[0] - other[0]); // by weight, or by place in the window
  for (const [, number, place] of found) yield [unflat(number, outputs[k + 1].shape), ...factorOf(k, number, place, wanted)];
}

// Yields [index of a unit, what the parameter's number is multiplied by in it, that one's name].
function* linksOfWeight(k, parameter, at) {
  const layer = layers[k], wanted = flat(at, parameters[`${layer.name}.${parameter}`].shape), shape = outputs[k + 1].shape;
  for (let number = 0; number < starts[k].length; number++) {
    const unit = unflat(number, shape), place = layer.weights[parameter] ? rowOf(layer.weights[parameter], number).indexOf(wanted) : -1;
    if (place >= 0) {
      const input = rowOf(layer.links, number)[place];
      yield [unit, outputs[k].values[input], `${names[k]}[${unflat(input, outputs[k].shape).join(", ")}]`];
    } else if (layer.owners[parameter]?.[0].values[number] === wanted) {
      const factor = layer.owners[parameter][1].values[number], name = layer.multipliers[parameter];
      yield [unit, factor, name ? filled(k, unit, name, { unit: unit.join(", ") }) : factor === 1 ? "1" : `d out / d ${parameter}`];
    }
  }
}

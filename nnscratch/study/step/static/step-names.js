// The names of single numbers, those of step/names.py, and the addresses of states: #conv1.W[4,0,0,3]&phase=backward.
"use strict";

const last = names.at(-1); // the scores
const SINGLE = { loss: "loss", L: "loss", S: "S" };
const belowOf = (layer) => names[names.indexOf(layer) - 1];
const layerOf = (name) => layers[names.indexOf(name) - 1];
const shownName = (name, at) => (at.length ? `${name}[${at.join(", ")}]` : name);

// By name: what kind of number it is, of which activation or parameter, and the shape of the array.
const known = new Map([["loss", { kind: "loss", of: "loss", shape: [] }], ["S", { kind: "loss", of: "S", shape: [] }]]);
names.forEach((name, position) => {
  known.set(name, { kind: "output", of: name, shape: outputs[position].shape });
  known.set(`d${name}`, { kind: "dout", of: name, shape: outputs[position].shape });
});
for (const [path, { shape }] of Object.entries(parameters)) {
  known.set(path, { kind: "parameter", of: path, shape });
  known.set(`d${path}`, { kind: "gradient", of: path, shape });
}
for (const name of ["p", "y"]) known.set(name, { kind: "loss", of: name, shape: outputs.at(-1).shape });

// What a layer's formulas call an array: x, out, W, dout, ...; the other way round of tokenOf.
const words = new Map();
for (const layer of layers) {
  const own = { x: belowOf(layer.name), out: layer.name, dx: `d${belowOf(layer.name)}`, dout: `d${layer.name}` };
  for (const name of layer.parameters) Object.assign(own, { [name]: `${layer.name}.${name}`, [`d${name}`]: `d${layer.name}.${name}` });
  if ("gamma" in layer.constants) {
    own.xhat = `${layer.name}.xhat`;
    known.set(own.xhat, { kind: "xhat", of: layer.name, shape: known.get(layer.name).shape });
  }
  words.set(layer.name, own);
}
words.set("loss", { z: last, dz: `d${last}`, p: "p", y: "y", L: "loss", S: "S", loss: "loss" });
words.set("input", { out: "input" });

function tokenOf(name, layer) {
  return Object.entries(words.get(layer) ?? {}).find(([, full]) => full === name)?.[0];
}

// The symbols of an update, which are told of each number of a parameter.
const SYMBOLS = new Set(Object.values(updates).flatMap((lines) => lines.map(([symbol]) => symbol)));

// { name, at } of what was typed, or { error }. Words of a formula are those of the given layer, unless one is named.
function resolved(text, layer) {
  if (SYMBOLS.has(text.trim())) { // of the layer's first parameter, or the network's
    const path = Object.keys(parameters).find((one) => one.startsWith(`${layer}.`)) ?? Object.keys(parameters)[0];
    return { name: path, at: telling(path), phase: "update" };
  }
  const [, word, given] = /^\s*([\w.]+)\s*(?:\[([\d,\s]*)\])?\s*$/.exec(text) ?? [];
  const [, of, local] = /^(.+)\.(\w+)$/.exec(word ?? "") ?? [];
  const name = [SINGLE[word], word, words.get(of)?.[local], words.get(layer)?.[word], words.get("loss")[word]].find((one) => known.has(one));
  if (!name) {
    return { error: `Write a name and an index, such as ${shownName(data.first, telling(data.first))}, of ${[...names, ...Object.keys(parameters)].join(", ")}; with a d before it, a gradient; or p, y, z, loss.` };
  }
  const { shape } = known.get(name);
  if (given === undefined || !shape.length) return { name, at: telling(name) };
  const at = given.split(",").map((part) => (part.trim() ? Number(part) : NaN));
  if (at.length !== shape.length || !inside(at, shape)) return { error: `${name} has the shape (${shape.join(", ")}); indices count from 0.` };
  return { name, at };
}

// The index of the number of an array that tells most: Step.interesting, and text.largest.
function telling(name) {
  const { kind, of } = known.get(name);
  if (kind === "loss") return known.get(name).shape.length ? [data.label] : [];
  if (kind === "parameter" || kind === "gradient") return largestOf(of, null);
  const values = outputs[names.indexOf(of)], slopes = douts[names.indexOf(of)].values;
  const weights = Array.from(values.values, (value, i) => Math.abs(value * slopes[i]));
  const some = weights.some((weight) => weight > 0) ? weights : weights.map((_, i) => Math.abs(slopes[i]) + 1e-9 * Math.abs(values.values[i]));
  return unflat(some.indexOf(some.reduce((most, weight) => Math.max(most, weight), 0)), values.shape);
}

// ---- addresses

// Where a number comes about: the phase, and the layer that makes it. `phase` is a wish.
function home(name, phase) {
  const { kind, of } = known.get(name), layer = of.split(".")[0], after = names[names.indexOf(of) + 1];
  if (kind === "loss") return ["loss", "loss"];
  if (kind === "parameter" || kind === "gradient") return [phase && phase !== "loss" ? phase : "backward", layer];
  if (kind === "dout" && phase !== "forward") return after ? ["backward", after] : ["loss", "loss"];
  if (phase === "loss" && of === last) return ["loss", "loss"];
  return [stageOf(phase, of) ? phase : stageOf("backward", of) && phase === "update" ? "backward" : "forward", of];
}

const PHASES = ["forward", "loss", "backward", "update"];
const stageOf = (phase, layer) => document.getElementById(`${phase}-${layer}`);

function address({ name, at, phase, layer }) {
  const own = home(name, phase);
  return `#${name}${at.length ? `[${at.join(",")}]` : ""}&phase=${phase}${own[1] === layer && own[0] === phase ? "" : `&layer=${layer}`}`;
}

// { name, at, phase, layer } of an address, { error }, or null where it is empty.
function stateOf(hash) {
  let text;
  try { text = decodeURIComponent(hash.replace(/^#/, "")); } catch { text = hash; }
  if (!text) return null;
  const [what, ...rest] = text.split("&"), given = Object.fromEntries(rest.map((part) => part.split("=", 2)));
  if (given.phase !== undefined && !PHASES.includes(given.phase)) return { error: `There is no phase ${given.phase}: write ${PHASES.join(", ")}.` };
  if (stageOf(given.phase, what)) return stateAt(given.phase, what); // a layer: what tells most of it there
  const { name, at, error } = resolved(what, given.layer);
  if (error) return { error };
  if (stageOf(given.phase, given.layer)) return { name, at, phase: given.phase, layer: given.layer };
  const [phase, layer] = home(name, given.phase);
  return { name, at, phase, layer };
}

// The state of a phase and a layer, with the number that tells most of it.
function stateAt(phase, layer) {
  const path = layerOf(layer)?.parameters.map((name) => `${layer}.${name}`)[0];
  const name = phase === "loss" ? "loss" : phase === "forward" ? layer : phase === "update" ? path : `d${path ?? belowOf(layer)}`;
  return { name, at: telling(name), phase, layer };
}

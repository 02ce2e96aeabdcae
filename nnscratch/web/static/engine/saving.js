// From a file to the layers of a network, checked in every respect before it is believed: models/saving.py.

import { SCORES } from './confidence.js';
import { LAYERS, need, sizeOf } from './layers.js';
import { isObject, parsedJSON, quoted, readSafetensors } from './safetensors.js';

const VERSIONS = ['1', '2', '3']; // of the file's format
const MOST_CLASSES = 1000;
const MOST_COST = 1e9; // multiplications for one image: a second or two
const SCALING = ['scaling.mean', 'scaling.scale'];

const isNumbers = (values) => Array.isArray(values) && values.every(Number.isFinite);

// { layers, classes, limits, temperature, deskew, normalisation, scaling, info } of a file (ArrayBuffer) that
// Sequential.save wrote; a layer has its { name, type, settings, trainable } and its numbers p beside what LAYERS says.
export function readModel(buffer) {
  const { metadata, arrays } = readSafetensors(buffer);
  need(metadata.format === 'nnscratch', 'this file holds weights, but not the architecture that nnscratch keeps in the metadata');
  need(VERSIONS.includes(metadata.version), `this file has the version ${quoted(metadata.version)}, and 1 to 3 are read: load the page again`);
  const part = (name, usual) => (Object.hasOwn(metadata, name) ? parsedJSON(metadata[name], `its ${name}`) : usual);
  need(part('is_regression', false) === false, 'this network was trained for a regression, and has no classes');
  const architecture = checkedArchitecture(part('architecture'));
  const layers = built(architecture, arrays);
  const [temperature, info] = [part('temperature', 1), part('info', {})];
  need(Number.isFinite(temperature) && temperature > 0, "this network's temperature is no positive number");
  need(isObject(info), "this network's info is no object");
  const classes = checkedClasses(part('classes', null), layers.at(-1).shape);
  const { deskew, normalisation } = architecture;
  return { layers, classes, limits: checkedLimits(part('limits', {})), temperature, deskew, normalisation, scaling: checkedScaling(arrays), info };
}

function checkedArchitecture(architecture) {
  need(isObject(architecture), "this network's architecture is no object");
  const { layers, input_shape: inputShape, normalisation, deskew = false } = architecture;
  const isRead = isNumbers(inputShape) && ['1,28,28', '28,28', '784'].includes(inputShape.join());
  need(isRead, 'this network does not read images of 28 x 28 pixels, as are read here');
  need(isNumbers(normalisation) && normalisation.length === 2 && normalisation[1] > 0,
    "this network's normalisation is no mean and positive standard deviation");
  need(typeof deskew === 'boolean' && !(deskew && inputShape.length < 3), 'this network cannot deskew: that takes images of one channel');
  need(Array.isArray(layers) && layers.length > 0 && layers.every(isObject), 'this network has no layers');
  return { layers, inputShape, normalisation, deskew };
}

function built({ layers, inputShape }, arrays) {
  const left = new Map([...arrays].filter(([name]) => !SCALING.includes(name)));
  const counts = new Map();
  let [shape, cost] = [inputShape, 0];
  const made = layers.map(({ layer: type, trainable = true, ...settings }) => {
    const known = LAYERS.get(type);
    need(known, `its layer ${quoted(type)} is none of the library's, which alone are known here`);
    for (const key of Object.keys(settings)) need(known.settings.includes(key), `its ${type} has the setting ${quoted(key)}, which is unknown here`);
    counts.set(known.kind, (counts.get(known.kind) ?? 0) + 1);
    const name = `${known.kind}${counts.get(known.kind)}`;
    const layer = { parameters: {}, buffers: {}, cost: sizeOf(shape), ...known.make(settings, shape) };
    cost += layer.cost + sizeOf(layer.shape);
    need(cost <= MOST_COST, `this network takes more than ${MOST_COST} multiplications for an image, and is not for a page`);
    shape = layer.shape;
    const p = {};
    for (const [key, wanted] of Object.entries({ ...layer.parameters, ...layer.buffers })) {
      p[key] = numbers(`${name}.${key}`, left.get(`${name}.${key}`), wanted);
      left.delete(`${name}.${key}`);
    }
    return { name, type, settings, trainable: trainable !== false, ...layer, p };
  });
  for (const name of left.keys()) need(false, `the weights do not fit the architecture: it has no ${quoted(name)}`);
  return made;
}

function numbers(name, array, wanted) {
  const came = array ? `the shape (${array.shape.join(', ')})` : 'no numbers';
  need(array && array.shape.join() === wanted.join(), `the weights do not fit the architecture: ${name} has ${came}, wanted (${wanted.join(', ')})`);
  const found = Float32Array.from(array.data);
  need(found.every(Number.isFinite), `${name} holds something else than finite numbers`);
  return found;
}

function checkedScaling(arrays) {
  const found = SCALING.map((name) => arrays.get(name)?.data);
  if (!found[0] && !found[1]) return null;
  const [mean, scale] = found;
  need(found.every((values) => values && [1, 784].includes(values.length) && values.every(Number.isFinite)) && scale.every((value) => value > 0),
    "this network's scaling is no mean and positive scale, one number or one for each pixel");
  return { mean, scale };
}

function checkedLimits(limits) {
  need(isObject(limits), "this network's limits are no object");
  const { sure = 2, familiar = -1e30, score = 'energy', ...others } = limits;
  need(isNumbers([sure, familiar]) && SCORES.has(score) && Object.keys(others).length === 0, "this network's limits are no sure, familiar and score that are known");
  return { sure, familiar, score };
}

function checkedClasses(classes, shape) {
  need(shape.length === 1 && shape[0] > 1 && shape[0] <= MOST_CLASSES, `this network's output has the shape (${shape.join(', ')}): 2 to ${MOST_CLASSES} classes are read`);
  const names = classes ?? Array.from({ length: shape[0] }, (_, label) => `${label}`);
  const isName = (name) => typeof name === 'string' && /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u.test(name);
  need(Array.isArray(names) && names.length === shape[0] && names.every(isName) && new Set(names).size === names.length,
    `the names of this network's classes are no ${shape[0]} different texts of 1 to 100 characters`);
  return names;
}

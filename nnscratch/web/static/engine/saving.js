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
  const { format, version } = metadata;
  need(format === 'nnscratch', 'this file holds weights, but not the architecture that nnscratch puts into metadata');
  need(VERSIONS.includes(version), `this file has version ${quoted(version)}, and 1 to 3 are read: reload the page`);
  const part = (name, usual) => (Object.hasOwn(metadata, name) ? parsedJSON(metadata[name], `its ${name}`) : usual);
  need(part('is_regression', false) === false, 'this network was trained for a regression, and has no classes');
  const { deskew, normalisation, ...architecture } = checkedArchitecture(part('architecture'));
  const layers = built(architecture, arrays);
  const classes = checkedClasses(part('classes', null), layers.at(-1).shape);
  const [temperature, info, limits] = [part('temperature', 1), part('info', {}), checkedLimits(part('limits', {}))];
  need(Number.isFinite(temperature) && temperature > 0, "this network's temperature is no positive number");
  need(isObject(info), "this network's info is no object");
  return { layers, classes, limits, temperature, deskew, normalisation, scaling: checkedScaling(arrays), info };
}

function checkedArchitecture(architecture) {
  need(isObject(architecture), "this network's architecture is no object");
  const { layers, input_shape: inputShape, normalisation, deskew = false } = architecture;
  const isRead = isNumbers(inputShape) && ['1,28,28', '28,28', '784'].includes(inputShape.join());
  need(isRead, 'this network does not read images of 28 x 28 pixels, as are read here');
  const isNormalisation = isNumbers(normalisation) && normalisation.length === 2 && normalisation[1] > 0;
  need(isNormalisation, "this network's normalisation is no mean and positive standard deviation");
  const canDeskew = deskew === false || (deskew === true && inputShape.length === 3);
  need(canDeskew, 'deskew is true or false, and for images of one channel alone');
  need(Array.isArray(layers) && layers.length > 0 && layers.every(isObject), 'this network has no layers');
  return { layers, inputShape, normalisation, deskew };
}

// Nothing is made before it is known that the file has its numbers, and that a page has the time for it.
function built({ layers, inputShape }, arrays) {
  const left = new Map([...arrays].filter(([name]) => !SCALING.includes(name)));
  const counts = new Map();
  let [shape, cost] = [inputShape, 0];
  const made = layers.map(({ layer: type, trainable = true, ...settings }) => {
    const known = LAYERS.get(type);
    need(known, `its layer ${quoted(type)} is none of the library's, which alone are known here`);
    const odd = Object.keys(settings).find((key) => !known.settings.includes(key));
    need(odd === undefined, `its ${type} has the setting ${quoted(odd)}, which is unknown here`);
    const layer = { parameters: {}, buffers: {}, cost: sizeOf(shape), ...known.make(settings, shape) };
    cost += layer.cost + sizeOf(layer.shape);
    need(cost <= MOST_COST, `this network takes more than ${MOST_COST} multiplications: too many for a page`);
    shape = layer.shape;
    counts.set(known.kind, (counts.get(known.kind) ?? 0) + 1);
    const name = `${known.kind}${counts.get(known.kind)}`;
    const p = {};
    for (const [key, wanted] of Object.entries({ ...layer.parameters, ...layer.buffers })) {
      p[key] = numbers(`${name}.${key}`, left, wanted);
    }
    return { name, type, settings, trainable: trainable !== false, ...layer, p };
  });
  const [odd] = left.keys();
  need(odd === undefined, `the weights do not fit the architecture, which has no ${quoted(odd)}`);
  return made;
}

// Take an array of this shape out of those that are left, as Float32Array.
function numbers(name, left, wanted) {
  const array = left.get(name);
  const came = array ? `the shape (${array.shape.join(', ')})` : 'no numbers';
  const fits = array && array.shape.join() === wanted.join();
  need(fits, `the weights do not fit the architecture: ${name} has ${came}, wanted (${wanted.join(', ')})`);
  left.delete(name);
  const found = Float32Array.from(array.data);
  need(found.every(Number.isFinite), `${name} holds something else than finite numbers`);
  return found;
}

function checkedScaling(arrays) {
  const [mean, scale] = SCALING.map((name) => arrays.get(name)?.data);
  if (!mean && !scale) return null;
  const fits = [mean, scale].every((values) => [1, 784].includes(values?.length) && values.every(Number.isFinite));
  need(fits && scale.every((value) => value > 0), "this network's scaling is no mean and positive scale of pixels");
  return { mean, scale };
}

function checkedLimits(limits) {
  need(isObject(limits), "this network's limits are no object");
  const { sure = 2, familiar = -1e30, score = 'energy', ...others } = limits;
  const known = isNumbers([sure, familiar]) && SCORES.has(score) && Object.keys(others).length === 0;
  need(known, "this network's limits are no numbers sure and familiar, and a score that is known");
  return { sure, familiar, score };
}

function checkedClasses(classes, shape) {
  const [K] = shape;
  need(shape.length === 1 && K > 1 && K <= MOST_CLASSES, `this network has no 2 to ${MOST_CLASSES} classes`);
  const names = classes ?? Array.from({ length: K }, (_, label) => `${label}`);
  const isName = (name) => typeof name === 'string' && /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u.test(name);
  const fits = Array.isArray(names) && names.length === K && names.every(isName) && new Set(names).size === K;
  need(fits, `the names of this network's classes are no ${K} different texts of 1 to 100 characters`);
  return names;
}

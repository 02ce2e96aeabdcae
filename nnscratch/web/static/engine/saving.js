// From a file to the layers of a network, checked in every respect before it is believed: models/saving.py.

import { isObject, need, quoted } from './checks.js';
import { SCORES } from './confidence.js';
import { LAYERS, sizeOf } from './layers.js';
import { parsedJSON, readSafetensors } from './safetensors.js';

const VERSIONS = ['1', '2', '3']; // of the file's format
const IMAGES = ['[1,28,28]', '[28,28]', '[784]']; // shapes
const MOST_CLASSES = 1000;
const MOST_COST = 1e9; // multiplications for one image: a second or two

const areNumbers = (values, ...lengths) =>
  lengths.includes(values?.length) && Array.from(values).every(Number.isFinite);

// { layers, classes, limits, temperature, deskew, normalisation, scaling } of a file (ArrayBuffer) that Sequential.save
// wrote; a layer has its { name, type, settings, trainable } and its numbers p beside what LAYERS says.
export function readModel(buffer) {
  const { metadata, arrays } = readSafetensors(buffer);
  const told = (name, usual) => (Object.hasOwn(metadata, name) ? parsedJSON(metadata[name], `its ${name}`) : usual);
  const { format, version } = metadata;
  need(format === 'nnscratch', 'this file holds weights, but not the architecture that nnscratch puts into metadata');
  need(VERSIONS.includes(version), `this file has version ${quoted(version)}, and 1 to 3 are read: reload the page`);
  const { layers: listed, input_shape: shape, normalisation, deskew = false } = told('architecture') ?? {};
  const limits = { sure: 2, familiar: -1e30, score: 'energy', ...told('limits') };
  const temperature = told('temperature', 1);
  const wanted = {
    'was trained for a regression, and has no classes': told('is_regression', false) === false,
    'has no layers': Array.isArray(listed) && listed.length > 0 && listed.every(isObject),
    'does not read images of 28 x 28 pixels, as are read here': IMAGES.includes(JSON.stringify(shape)),
    'has a normalisation by no mean and positive deviation': areNumbers(normalisation, 2) && normalisation[1] > 0,
    'has a deskew that is neither true nor false': typeof deskew === 'boolean',
    'has a temperature that is no positive number': Number.isFinite(temperature) && temperature > 0,
    'has limits that are none': areNumbers([limits.sure, limits.familiar], 2) && Object.keys(limits).length === 3,
    'has limits of an unknown score': SCORES.has(limits.score),
  };
  for (const [otherwise, holds] of Object.entries(wanted)) need(holds, `this network ${otherwise}`);
  const scaling = takeScaling(arrays);
  const layers = built(listed, shape, arrays);
  const classes = checkedClasses(told('classes'), layers.at(-1).shape);
  return { layers, classes, limits, temperature, deskew, normalisation, scaling };
}

// Nothing is made before it is known that the file has its numbers, and that a page has the time for it.
function built(listed, inputShape, arrays) {
  const counts = new Map();
  let [shape, cost] = [inputShape, 0];
  const layers = listed.map(({ layer: type, trainable = true, ...settings }) => {
    need(LAYERS.has(type), `its layer ${quoted(type)} is none of the library's, which alone are known here`);
    const { kind, make, settings: known } = LAYERS.get(type);
    const odd = Object.keys(settings).find((key) => !known.includes(key));
    need(odd === undefined, `its ${type} has the setting ${quoted(odd)}, which is unknown here`);
    const layer = { parameters: {}, buffers: {}, cost: 0, ...make(settings, shape) };
    shape = layer.shape;
    cost += layer.cost + sizeOf(shape);
    need(cost <= MOST_COST, `this network takes more than ${MOST_COST} multiplications: too many for a page`);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const name = `${kind}${counts.get(kind)}`;
    const shapes = Object.entries({ ...layer.parameters, ...layer.buffers });
    const p = Object.fromEntries(shapes.map(([key, wanted]) => [key, takeNumbers(arrays, `${name}.${key}`, wanted)]));
    return { name, type, settings, trainable: trainable !== false, ...layer, p };
  });
  const [odd] = arrays.keys();
  need(odd === undefined, `the weights do not fit the architecture, which has no ${quoted(odd)}`);
  return layers;
}

// What is taken out of the arrays is not left over.
function take(arrays, name) {
  const array = arrays.get(name);
  arrays.delete(name);
  return array;
}

function takeNumbers(arrays, name, shape) {
  const array = take(arrays, name);
  const [came, wanted] = [JSON.stringify(array?.shape) ?? 'missing', JSON.stringify(shape)];
  const sentence = `the weights do not fit the architecture: ${name} is ${came.slice(0, 40)}`;
  need(came === wanted, `${sentence}, and ${wanted.slice(0, 40)} is due`);
  const numbers = Float32Array.from(array.data);
  need(numbers.every(Number.isFinite), `${name} holds something else than finite numbers`);
  return numbers;
}

// What brings pixels to the numbers that are learnt from; null where that is 0..1, as usual.
function takeScaling(arrays) {
  const [mean, scale] = ['scaling.mean', 'scaling.scale'].map((name) => take(arrays, name)?.data);
  if (!mean && !scale) return null;
  const fits = [mean, scale].every((values) => areNumbers(values, 1, 784)) && scale.every((value) => value > 0);
  need(fits, "this network's scaling is no mean and positive scale of pixels");
  return `${mean}` === '0' && `${scale}` === '255' ? null : { mean, scale };
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

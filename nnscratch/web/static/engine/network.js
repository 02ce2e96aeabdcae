// A network and its passes for one image: models/sequential.py, layers/network.py, data/batches.py.

import { energyScore } from './confidence.js';
import { deskewed } from './digit.js';
import { readModel } from './saving.js';

const TINY = 2 ** -126; // float32's smallest normal number

// The network of a file (ArrayBuffer) that Sequential.save wrote as .safetensors. Throws an Error, one sentence for
// people, for whatever is not in every respect a network of the library's layers that reads images of 28 x 28 pixels.
//
//   layers        [{ name: 'conv1', type: 'Conv2D', settings, shape (of the output), trainable, ... }], in their order
//   parameters    { 'conv1.W': Float32Array, ... }; they may be changed, and the next pass uses them
//   classes, limits, temperature, deskew: as in Python
//   forward(pixels) -> { inputs, outputs, logits, image } of the Uint8Array(784) of an image, light ink on 0: inputs[k]
//                 enters layer k, outputs[k] leaves it; logits are at the temperature, fit for reading(); image is what
//                 became inputs[0], without its slant where the network deskews. Throws where answers are not finite
//   loss(label) -> { loss, dout }: the cross-entropy of the last forward, as training minimises it, and its gradient
//                 with respect to the last output, for backward
//   backward(dout) -> { dinput, gradients, douts }: of the last forward, the gradient with respect to inputs[0], to
//                 each parameter by its name, and to each outputs[k]
export function parseNetwork(buffer) {
  const model = readModel(buffer);
  const { layers, classes, limits, temperature, deskew } = model;
  const endsInSoftmax = layers.at(-1).type === 'Softmax';
  const parameters = {};
  for (const { name, p, ...layer } of layers) {
    for (const key of Object.keys(layer.parameters)) parameters[`${name}.${key}`] = p[key];
  }
  let passed = null; // the last forward

  function forward(pixels) {
    const { image, x } = entered(pixels, model);
    const values = [x];
    for (const layer of layers) values.push(layer.forward(values.at(-1), layer.p));
    const logits = values.at(-1).map((out) => (endsInSoftmax ? Math.log(Math.max(out, TINY)) : out / temperature));
    if (!logits.every(Number.isFinite)) throw new Error("the network's answers are no finite numbers");
    passed = { inputs: values.slice(0, -1), outputs: values.slice(1), logits, image };
    return passed;
  }

  // -log p[label]. With respect to logits its gradient is p - y, where y is 1 at the label; to probabilities, -y / p.
  function loss(label) {
    const out = passed.outputs.at(-1);
    const y = out.map((_, k) => (k === label ? 1 : 0));
    if (endsInSoftmax) {
      const p = Math.max(out[label], TINY);
      return { loss: -Math.log(p), dout: y.map((one) => -one / p) };
    }
    const energy = energyScore(out);
    return { loss: energy - out[label], dout: y.map((one, k) => Math.exp(out[k] - energy) - one) };
  }

  // The chain rule, from the last layer to the first.
  function backward(dout) {
    const zeros = Object.entries(parameters).map(([name, values]) => [name, new Float64Array(values.length)]);
    const [gradients, douts] = [Object.fromEntries(zeros), []];
    for (let k = layers.length - 1; k >= 0; k--) {
      const { name, p, ...layer } = layers[k];
      const dp = Object.fromEntries(Object.keys(layer.parameters).map((key) => [key, gradients[`${name}.${key}`]]));
      douts[k] = dout;
      dout = layer.backward(dout, { x: passed.inputs[k], out: passed.outputs[k], p, dp });
    }
    return { dinput: dout, gradients, douts };
  }

  return { layers, parameters, classes, limits, temperature, deskew, forward, loss, backward };
}

// How pixels 0..255 enter: without their slant, on the scale 0..1 or that of the network, and normalised.
function entered(pixels, { deskew, normalisation: [mean, std], scaling }) {
  const straight = (image) => (deskew ? deskewed(image, 28, 28) : image);
  const image = straight(pixels);
  const numbers = scaling ? straight(scaled(pixels, scaling)) : Float64Array.from(image, (pixel) => pixel / 255);
  return { image, x: numbers.map((number) => (number - mean) / std) };
}

// A scaling that was learnt from numbers in 0..1 takes pixels as such.
function scaled(pixels, { mean, scale }) {
  const unit = mean.every((value) => value >= 0 && value <= 1) && scale.every((value) => value <= 1) ? 255 : 1;
  return Float64Array.from(pixels, (pixel, k) => (pixel / unit - mean[k % mean.length]) / scale[k % scale.length]);
}

// The layers, forward and backward, for one image: ops/{dense,conv,pool,windows,activations,batchnorm}.py, layers/*.py.
//
// Tensors are Float64Arrays, row by row: vectors (D), images (C, H, W). A function below takes a layer's settings and
// the shape of its input, and returns { shape: of the output, parameters, buffers: {name: shape} of its numbers p,
// cost: multiplications, forward(x, p) -> out, backward(dout, { x, out, p, dp }) -> dx }. backward adds the
// gradient of each parameter to dp; nothing is kept between the two.

import { need } from './checks.js';
import { energyScore } from './confidence.js';

const MOST = 5_000_000; // pixels in all windows of a layer

export const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);
const sum = (values) => values.reduce((total, value) => total + value, 0);

// ---- windows of KH x KW pixels that slide over each channel in steps of SH x SW

const both = (value) => (Array.isArray(value) ? value : [value, value]); // vertical and horizontal

// The zeros before and after; those of 'same' make the output ceil(size / stride) long, and the odd one goes after.
function zerosAround(padding, size, kernel, stride) {
  if (padding !== 'same') return [padding, padding];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

// at[(o C + c) n + k] is where in x the pixel k of channel c's window o lies, of n; in the padding, just behind x
function windows(shape, [KH, KW], [SH, SW], [[top, bottom], [left, right]]) {
  const [C, H, W] = shape;
  const areWhole = [KH, KW, SH, SW, top + 1, left + 1].every((value) => Number.isInteger(value) && value > 0);
  need(areWhole, 'kernel, stride, size or padding of a layer is no whole number, or too small');
  const [roomH, roomW] = [H + top + bottom - KH, W + left + right - KW];
  need(roomH >= 0 && roomW >= 0, `a window of ${KH} x ${KW} does not fit into (${shape.join(', ')}) and its padding`);
  const [OH, OW] = [Math.floor(roomH / SH) + 1, Math.floor(roomW / SW) + 1];
  const [O, n] = [OH * OW, KH * KW];
  need(C * O * n <= MOST, `the windows of a layer have ${C * O * n} pixels in all, and at most ${MOST} are read`);
  const at = new Int32Array(C * O * n).map((_, place) => {
    const [o, c, k] = [Math.floor(place / n / C), Math.floor(place / n) % C, place % n];
    const row = Math.floor(o / OW) * SH + Math.floor(k / KW) - top;
    const column = (o % OW) * SW + (k % KW) - left;
    return row >= 0 && row < H && column >= 0 && column < W ? (c * H + row) * W + column : C * H * W;
  });
  return { OH, OW, O, n, at };
}

// ---- sums: out[f, o] = b[f] + sum over k of W[f, k] x[pixel k of window o, of all channels]

function conv2D({ filters: F, kernel, stride = 1, padding = 'valid' }, [C, ...sides]) {
  const [size, steps] = [both(kernel), both(stride)];
  const zeros = both(padding === 'valid' ? 0 : padding);
  const pads = [0, 1].map((axis) => zerosAround(zeros[axis], sides[axis], size[axis], steps[axis]));
  const { OH, OW, n, at } = windows([C, ...sides], size, steps, pads);
  return { shape: [F, OH, OW], parameters: { W: [F, C, ...size], b: [F] }, ...weightedSums(F, C * n, at) };
}

// Of a vector there is one window, which holds all of it.
function dense({ units: D }, shape) {
  need(shape.length === 1, `Dense works on vectors, but its input has the shape (${shape.join(', ')})`);
  const [K] = shape;
  return { shape: [D], parameters: { W: [D, K], b: [D] }, ...weightedSums(D, K, Int32Array.from(Array(K).keys())) };
}

// A weight meets every window, and a pixel stands in several: backward, both collect from all of them.
function weightedSums(F, n, at) {
  const O = at.length / n;
  const withZero = (x) => new Float64Array(x.length + 1).map((_, k) => x[k] ?? 0); // what lies in the padding
  return {
    cost: F * at.length,
    forward(x, { W, b }) {
      const [wide, out] = [withZero(x), new Float64Array(F * O)];
      for (let f = 0; f < F; f++) {
        for (let o = 0; o < O; o++) {
          let total = b[f];
          for (let k = 0; k < n; k++) total += W[f * n + k] * wide[at[o * n + k]];
          out[f * O + o] = total;
        }
      }
      return out;
    },
    backward(dout, { x, p: { W }, dp }) {
      const [wide, dwide] = [withZero(x), new Float64Array(x.length + 1)];
      for (let f = 0; f < F; f++) {
        for (let o = 0; o < O; o++) {
          const slope = dout[f * O + o];
          if (slope === 0) continue; // as behind a ReLU that is shut
          dp.b[f] += slope;
          for (let k = 0; k < n; k++) {
            dp.W[f * n + k] += slope * wide[at[o * n + k]];
            dwide[at[o * n + k]] += slope * W[f * n + k];
          }
        }
      }
      return dwide.slice(0, x.length);
    },
  };
}

// ---- pooling: the mean of the pixels that count in each window; pixels that fill no window are left out

const pool = (counting) => ({ size, stride }, [C, ...sides]) => {
  const { OH, OW, O, n, at } = windows([C, ...sides], both(size), both(stride ?? size), [[0, 0], [0, 0]]);
  const pixelsOf = (x, place) => {
    const start = ((place % O) * C + Math.floor(place / O)) * n;
    return counting(x, at.subarray(start, start + n));
  };
  return {
    shape: [C, OH, OW],
    cost: at.length,
    forward: (x) => new Float64Array(C * O).map((_, place) => {
      const pixels = pixelsOf(x, place);
      return pixels.reduce((total, pixel) => total + x[pixel], 0) / pixels.length;
    }),
    backward(dout, { x }) {
      const dx = new Float64Array(x.length);
      dout.forEach((slope, place) => {
        const pixels = pixelsOf(x, place);
        for (const pixel of pixels) dx[pixel] += slope / pixels.length;
      });
      return dx;
    },
  };
};

// Of equal ones the first is the largest, and alone has the gradient.
const largest = (x, pixels) => [pixels.reduce((best, pixel) => (x[pixel] > x[best] ? pixel : best))];

// ---- activations: out = f(x), and dx = dout f'(x), told by x or by out

const activation = (f, derivative) => (settings, shape) => ({
  shape,
  forward: (x) => x.map((value) => f(value)),
  backward: (dout, { x, out }) => dout.map((slope, k) => slope * derivative(x[k], out[k])),
});

const relu = activation((x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0));
const tanh = activation((x) => Math.tanh(x), (x, out) => 1 - out * out);
const sigmoid = activation((x) => 1 / (1 + Math.exp(-x)), (x, out) => out * (1 - out));
const leakyReLU = ({ slope = 0.01 }, shape) =>
  activation((x) => (x > 0 ? x : slope * x), (x) => (x > 0 ? 1 : slope))(null, shape);

// Over the first axis, for each pixel of an image by itself: out[k] = exp(x[k]) / sum over j of exp(x[j]), and so
// d out[j] / d x[k] = out[j] (1{j = k} - out[k]), dx[k] = out[k] (dout[k] - sum over j of dout[j] out[j])
function softmax(settings, shape) {
  const [K, pixels] = [shape[0], sizeOf(shape) / shape[0]];
  // What f says of the K numbers of each pixel, by the place of any of them.
  const ofPixel = (values, f) => {
    const numbers = (pixel) => Array.from({ length: K }, (_, k) => values[k * pixels + pixel]);
    const found = Array.from({ length: pixels }, (_, pixel) => f(numbers(pixel)));
    return (place) => found[place % pixels];
  };
  return {
    shape,
    forward(x) {
      const energy = ofPixel(x, energyScore);
      return x.map((value, k) => Math.exp(value - energy(k)));
    },
    backward(dout, { out }) {
      const mean = ofPixel(dout.map((slope, k) => slope * out[k]), sum);
      return dout.map((slope, k) => out[k] * (slope - mean(k)));
    },
  };
}

// ---- batch normalisation, of each channel c, with running statistics: out = gamma (x - mean) / sqrt(var + eps) + beta

function batchNorm({ eps = 1e-5 }, shape) {
  const [C] = shape;
  const channel = (k) => Math.floor((k * C) / sizeOf(shape));
  const deviation = (p, c) => Math.sqrt(p.running_var[c] + eps);
  const normalized = (p, value, c) => (value - p.running_mean[c]) / deviation(p, c);
  return {
    shape,
    parameters: { gamma: [C], beta: [C] },
    buffers: { running_mean: [C], running_var: [C] },
    forward: (x, p) => x.map((value, k) => {
      const c = channel(k);
      return p.gamma[c] * normalized(p, value, c) + p.beta[c];
    }),
    backward: (dout, { x, p, dp }) => dout.map((slope, k) => {
      const c = channel(k);
      dp.gamma[c] += slope * normalized(p, x[k], c);
      dp.beta[c] += slope;
      return (slope * p.gamma[c]) / deviation(p, c);
    }),
  };
}

// ---- what only passes on, reshaped or not: outside of training nothing is dropped

const same = (shape) => ({ shape, forward: (x) => x, backward: (dout) => dout });
const flatten = (settings, shape) => same([sizeOf(shape)]);
const dropout = (settings, shape) => same(shape);

// ---- all of them

// By the name of the class: what its layers are called in a network (conv1, ...), the above, and its settings.
const of = (kind, make, ...settings) => ({ kind, make, settings });
export const LAYERS = new Map([
  ['Dense', of('dense', dense, 'units', 'init')],
  ['Conv2D', of('conv', conv2D, 'filters', 'kernel', 'stride', 'padding', 'init')],
  ['MaxPool2D', of('pool', pool(largest), 'size', 'stride')],
  ['AvgPool2D', of('pool', pool((x, pixels) => pixels), 'size', 'stride')],
  ['Flatten', of('flatten', flatten)],
  ['ReLU', of('relu', relu)],
  ['LeakyReLU', of('leaky_relu', leakyReLU, 'slope')],
  ['Tanh', of('tanh', tanh)],
  ['Sigmoid', of('sigmoid', sigmoid)],
  ['Softmax', of('softmax', softmax)],
  ['BatchNorm', of('batchnorm', batchNorm, 'momentum', 'eps')],
  ['Dropout', of('dropout', dropout, 'rate')],
]);

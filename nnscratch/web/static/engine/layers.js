// The layers, forward and backward, for one image: ops/{dense,conv,pool,windows,activations,batchnorm}.py, layers/*.py.
//
// Tensors are Float64Arrays, row by row: vectors (D), images (C, H, W). A function below takes a layer's settings and
// the shape of its input, and returns { shape: of the output, parameters, buffers: {name: shape} of its numbers p,
// cost: multiplications, forward(x, p) -> out, backward(dout, { x, out, p, dp }) -> dx }. backward adds the
// gradient of each parameter to dp; nothing is kept between the two.

const MOST = 5_000_000; // pixels in all windows of a layer

export const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

export function need(holds, sentence) {
  if (!holds) throw new Error(sentence);
}

const isWhole = (value, least = 1) => Number.isSafeInteger(value) && value >= least;

// One number stands for both: vertical and horizontal.
function pair(value, what, least = 1) {
  const two = Array.isArray(value) ? value : [value, value];
  const fits = two.length === 2 && two.every((side) => isWhole(side, least));
  need(fits, `${what} is no whole number of at least ${least}, or two`);
  return two;
}

function imageShape(shape, layer) {
  need(shape.length === 3, `${layer} works on images, but its input has the shape (${shape.join(', ')})`);
  return shape;
}

// ---- windows of KH x KW pixels that slide over each channel in steps of SH x SW

// The zeros before and after that make the output ceil(size / stride) long; the odd one goes after.
function samePadding(size, kernel, stride) {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

// at[(c O + o) n + k] is where in x the pixel k of channel c's window o lies, of n and O; in the padding, just behind x
function windows([C, H, W], [KH, KW], [SH, SW], [[top, bottom], [left, right]]) {
  const [roomH, roomW] = [H + top + bottom - KH, W + left + right - KW];
  need(roomH >= 0 && roomW >= 0, `a window of ${KH} x ${KW} does not fit into ${H} x ${W} pixels and their padding`);
  const [OH, OW] = [Math.floor(roomH / SH) + 1, Math.floor(roomW / SW) + 1];
  const [O, n] = [OH * OW, KH * KW];
  need(C * O * n <= MOST, `the windows of a layer have ${C * O * n} pixels in all, and at most ${MOST} are read`);
  const at = new Int32Array(C * O * n).map((_, place) => {
    const [c, o, k] = [Math.floor(place / n / O), Math.floor(place / n) % O, place % n];
    const row = Math.floor(o / OW) * SH + Math.floor(k / KW) - top;
    const column = (o % OW) * SW + (k % KW) - left;
    return row >= 0 && row < H && column >= 0 && column < W ? (c * H + row) * W + column : C * H * W;
  });
  return { OH, OW, O, n, at };
}

// ---- convolution: out[f, o] = b[f] + sum over c, k of W[f, c, k] x[c, pixel k of window o]

function conv2D({ filters: F, kernel, stride = 1, padding = 'valid' }, shape) {
  const [C, ...sides] = imageShape(shape, 'Conv2D');
  need(isWhole(F), 'the number of filters of Conv2D is no whole number of at least 1');
  const [size, strides] = [pair(kernel, 'the kernel of Conv2D'), pair(stride, 'the stride of Conv2D')];
  const zeros = padding === 'valid' || padding === 'same' ? [0, 0] : pair(padding, 'the padding of Conv2D', 0);
  const pads = sides.map((side, axis) =>
    padding === 'same' ? samePadding(side, size[axis], strides[axis]) : [zeros[axis], zeros[axis]]);
  const { OH, OW, ...found } = windows(shape, size, strides, pads);
  return { shape: [F, OH, OW], parameters: { W: [F, C, ...size], b: [F] }, ...weightedSums(F, C, found) };
}

// Of vectors there is one window, which holds all: out[d] = b[d] + sum over k of W[d, k] x[k]
function dense({ units: D }, shape) {
  need(shape.length === 1, `Dense works on vectors, but its input has the shape (${shape.join(', ')})`);
  need(isWhole(D), 'the number of units of Dense is no whole number of at least 1');
  const [K] = shape;
  const all = { O: 1, n: K, at: new Int32Array(K).map((_, k) => k) };
  return { shape: [D], parameters: { W: [D, K], b: [D] }, ...weightedSums(D, 1, all) };
}

function weightedSums(F, C, { O, n, at }) {
  function forward(x, { W, b }) {
    const wide = withZero(x);
    const out = new Float64Array(F * O);
    for (let f = 0; f < F; f++) {
      for (let o = 0; o < O; o++) {
        let sum = b[f];
        for (let c = 0; c < C; c++) {
          const [weight, pixel] = [(f * C + c) * n, (c * O + o) * n];
          for (let k = 0; k < n; k++) sum += W[weight + k] * wide[at[pixel + k]];
        }
        out[f * O + o] = sum;
      }
    }
    return out;
  }

  // A weight meets every window, and a pixel stands in several: both collect from all of them.
  function backward(dout, { x, p: { W }, dp }) {
    const wide = withZero(x);
    const dwide = new Float64Array(wide.length);
    for (let f = 0; f < F; f++) {
      for (let o = 0; o < O; o++) {
        const slope = dout[f * O + o];
        if (slope === 0) continue; // as behind a ReLU that is shut
        dp.b[f] += slope;
        for (let c = 0; c < C; c++) {
          const [weight, pixel] = [(f * C + c) * n, (c * O + o) * n];
          for (let k = 0; k < n; k++) {
            dp.W[weight + k] += slope * wide[at[pixel + k]];
            dwide[at[pixel + k]] += slope * W[weight + k];
          }
        }
      }
    }
    return dwide.slice(0, x.length);
  }

  return { cost: F * O * C * n, forward, backward };
}

// x, and behind it what lies in the padding.
const withZero = (x) => new Float64Array(x.length + 1).map((_, k) => x[k] ?? 0);

// ---- pooling: the mean of the pixels that count in each window; pixels that fill no window are left out

const pool = (layer, counting) => ({ size, stride }, shape) => {
  const [C] = imageShape(shape, layer);
  const window = pair(size, `the size of ${layer}`);
  const { OH, OW, n, at } = windows(shape, window, pair(stride ?? window, `the stride of ${layer}`), [[0, 0], [0, 0]]);
  const pixelsOf = (x, place) => counting(x, at.subarray(place * n, (place + 1) * n));

  function forward(x) {
    return new Float64Array(C * OH * OW).map((_, place) => {
      const pixels = pixelsOf(x, place);
      return pixels.reduce((sum, pixel) => sum + x[pixel], 0) / pixels.length;
    });
  }

  function backward(dout, { x }) {
    const dx = new Float64Array(x.length);
    dout.forEach((slope, place) => {
      const pixels = pixelsOf(x, place);
      for (const pixel of pixels) dx[pixel] += slope / pixels.length;
    });
    return dx;
  }

  return { shape: [C, OH, OW], cost: at.length, forward, backward };
};

// Of equal ones the first is the largest, and alone has the gradient.
const largest = (x, pixels) => [pixels.reduce((best, pixel) => (x[pixel] > x[best] ? pixel : best))];
const maxPool2D = pool('MaxPool2D', largest);
const avgPool2D = pool('AvgPool2D', (x, pixels) => pixels);

// ---- activations: out = f(x), and dx = dout f'(x), told by x or by out

const activation = (f, derivative) => (settings, shape) => ({
  shape,
  forward: (x) => x.map((value) => f(value)),
  backward: (dout, { x, out }) => dout.map((slope, k) => slope * derivative(x[k], out[k])),
});

const relu = activation((x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0));
const tanh = activation((x) => Math.tanh(x), (x, out) => 1 - out * out);
const sigmoid = activation((x) => 1 / (1 + Math.exp(-x)), (x, out) => out * (1 - out));

function leakyReLU({ slope = 0.01 }, shape) {
  need(Number.isFinite(slope), 'the slope of LeakyReLU is no finite number');
  return activation((x) => (x > 0 ? x : slope * x), (x) => (x > 0 ? 1 : slope))({}, shape);
}

// Over the first axis, for each pixel of an image by itself: out[k] = exp(x[k]) / sum over j of exp(x[j])
function softmax(settings, shape) {
  const pixels = sizeOf(shape) / shape[0];

  // What f makes of the numbers that each one stands among: those of its pixel.
  function ofPixel(values, f, first) {
    const found = new Float64Array(pixels).fill(first);
    values.forEach((value, k) => { found[k % pixels] = f(found[k % pixels], value); });
    return values.map((_, k) => found[k % pixels]);
  }

  const sums = (values) => ofPixel(values, (sum, value) => sum + value, 0);

  function forward(x) {
    const top = ofPixel(x, Math.max, -Infinity);
    const e = x.map((value, k) => Math.exp(value - top[k]));
    const total = sums(e);
    return e.map((value, k) => value / total[k]);
  }

  // d out[j] / d x[k] = out[j] (1{j = k} - out[k]), so dx[k] = out[k] (dout[k] - sum over j of dout[j] out[j])
  function backward(dout, { out }) {
    const mean = sums(dout.map((slope, k) => slope * out[k]));
    return dout.map((slope, k) => out[k] * (slope - mean[k]));
  }

  return { shape, forward, backward };
}

// ---- batch normalisation, of each channel c, with running statistics: out = gamma (x - mean) / sqrt(var + eps) + beta

function batchNorm({ momentum = 0.9, eps = 1e-5 }, shape) {
  const fits = [momentum, eps].every(Number.isFinite) && momentum >= 0 && momentum <= 1 && eps > 0;
  need(fits, 'BatchNorm has no momentum of 0..1 and positive eps');
  const [C] = shape;
  const channel = (k) => Math.floor((k * C) / sizeOf(shape));
  const deviation = (p, c) => Math.sqrt(p.running_var[c] + eps);
  const normalized = (p, value, c) => (value - p.running_mean[c]) / deviation(p, c);

  function backward(dout, { x, p, dp }) {
    return dout.map((slope, k) => {
      const c = channel(k);
      dp.gamma[c] += slope * normalized(p, x[k], c);
      dp.beta[c] += slope;
      return (slope * p.gamma[c]) / deviation(p, c);
    });
  }

  function forward(x, p) {
    return x.map((value, k) => p.gamma[channel(k)] * normalized(p, value, channel(k)) + p.beta[channel(k)]);
  }

  const [parameters, buffers] = [{ gamma: [C], beta: [C] }, { running_mean: [C], running_var: [C] }];
  return { shape, parameters, buffers, forward, backward };
}

// ---- what only passes on, reshaped or not: outside of training nothing is dropped

const same = { forward: (x) => x, backward: (dout) => dout };
const flatten = (settings, shape) => ({ shape: [sizeOf(shape)], ...same });

function dropout({ rate }, shape) {
  need(Number.isFinite(rate) && rate >= 0 && rate < 1, 'the rate of Dropout is no share of at least 0 and below 1');
  return { shape, ...same };
}

// By the name of the class: what its layers are called in a network (conv1, ...), their settings, and the above.
const of = (kind, make, ...settings) => ({ kind, make, settings });
export const LAYERS = new Map([
  ['Dense', of('dense', dense, 'units', 'init')],
  ['Conv2D', of('conv', conv2D, 'filters', 'kernel', 'stride', 'padding', 'init')],
  ['MaxPool2D', of('pool', maxPool2D, 'size', 'stride')],
  ['AvgPool2D', of('pool', avgPool2D, 'size', 'stride')],
  ['Flatten', of('flatten', flatten)],
  ['ReLU', of('relu', relu)],
  ['LeakyReLU', of('leaky_relu', leakyReLU, 'slope')],
  ['Tanh', of('tanh', tanh)],
  ['Sigmoid', of('sigmoid', sigmoid)],
  ['Softmax', of('softmax', softmax)],
  ['BatchNorm', of('batchnorm', batchNorm, 'momentum', 'eps')],
  ['Dropout', of('dropout', dropout, 'rate')],
]);

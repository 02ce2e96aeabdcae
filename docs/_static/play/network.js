// Dense layers in plain JavaScript, as nnscratch/ops/dense.py has them: W x + b, the batch last.
//
// An array (K, N) is a list of K rows, each a Float64Array of N numbers, one for each point of the batch.
"use strict";

const DenseNetwork = (() => {
  const zeros = (rows, columns) => Array.from({ length: rows }, () => new Float64Array(columns));

  /** Return out (D, N) = W x + b, for x (K, N), W (D, K), b (D). */
  function denseForward(x, W, b) {
    const out = zeros(W.length, x[0].length);
    W.forEach((weights, d) => {
      out[d].fill(b[d]);
      const row = out[d];
      weights.forEach((weight, k) => {
        const input = x[k];
        for (let n = 0; n < row.length; n++) row[n] += weight * input[n];
      });
    });
    return out;
  }

  /** Return dx = Wᵀ dout (K, N), dW = dout xᵀ (D, K) and db (D), the sum of dout over the batch. */
  function denseBackward(dout, x, W) {
    const dx = zeros(x.length, x[0].length);
    const dW = zeros(W.length, x.length);
    const db = dout.map((row) => row.reduce((sum, value) => sum + value, 0));
    W.forEach((weights, d) => {
      const gradient = dout[d];
      weights.forEach((weight, k) => {
        const [input, share] = [x[k], dx[k]];
        let sum = 0;
        for (let n = 0; n < gradient.length; n++) {
          sum += gradient[n] * input[n];
          share[n] += weight * gradient[n];
        }
        dW[d][k] = sum;
      });
    });
    return { dx, dW, db };
  }

  /** An activation's output, and its derivative in terms of that. */
  const ACTIVATIONS = {
    tanh: { f: Math.tanh, slope: (out) => 1 - out * out, gain: 1 },
    relu: { f: (z) => Math.max(z, 0), slope: (out) => (out > 0 ? 1 : 0), gain: 2 },
    none: { f: (z) => z, slope: () => 1, gain: 1 },
  };

  const mapped = (array, change) => array.map((row, k) => row.map((value, n) => change(value, k, n)));

  /** Return layers {W, b} for sizes such as [2, 8, 8, 1], with weights of variance gain / K by `random` in [0, 1). */
  function initialize(sizes, activation, random) {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()); // Box and Muller
    return sizes.slice(1).map((D, layer) => {
      const K = sizes[layer];
      const size = Math.sqrt(ACTIVATIONS[activation].gain / K);
      return { W: mapped(zeros(D, K), () => size * normal()), b: new Float64Array(D) };
    });
  }

  /** Return the outputs of all layers, x first; the activation stands between them, not after the last. */
  function forward(layers, x, activation) {
    const outputs = [x];
    layers.forEach(({ W, b }, layer) => {
      const z = denseForward(outputs.at(-1), W, b);
      outputs.push(layer < layers.length - 1 ? mapped(z, ACTIVATIONS[activation].f) : z);
    });
    return outputs;
  }

  /** Take one step of gradient descent on the mean squared error, in place; return the loss before it. */
  function step(layers, x, y, activation, lr) {
    const outputs = forward(layers, x, activation);
    const out = outputs.at(-1);
    const size = y.length * y[0].length;
    let loss = 0;
    mapped(out, (value, k, n) => (loss += (value - y[k][n]) ** 2 / size));
    let dout = mapped(out, (value, k, n) => (2 * (value - y[k][n])) / size);
    for (let layer = layers.length - 1; layer >= 0; layer--) {
      const { W, b } = layers[layer];
      const { dx, dW, db } = denseBackward(dout, outputs[layer], W);
      W.forEach((row, d) => row.forEach((_, k) => (row[k] -= lr * dW[d][k])));
      db.forEach((value, d) => (b[d] -= lr * value));
      dout = layer && mapped(dx, (value, k, n) => value * ACTIVATIONS[activation].slope(outputs[layer][k][n]));
    }
    return loss;
  }

  return { denseForward, denseBackward, initialize, forward, step };
})();

if (typeof module !== "undefined") module.exports = DenseNetwork;

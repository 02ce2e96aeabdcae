// LeNet-5's forward pass on one digit, in plain loops: the formulas of chapters 3, 5 and 6.
"use strict";

const Forward = (() => {
  /** Return the numbers of base64 text that holds them in half precision (IEEE 754), low byte first. */
  function halves(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return Float32Array.from({ length: bytes.length / 2 }, (_, k) => {
      const bits = bytes[2 * k] | (bytes[2 * k + 1] << 8), sign = bits >> 15 ? -1 : 1;
      const exponent = (bits >> 10) & 31, fraction = bits & 1023;
      return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
    });
  }

  const range = (count) => [...Array(count).keys()];

  /** x: maps of rows; W flat (F, C, K, K), b (F): maps of out = b + sum of W x, through ReLU. */
  function convolution(x, W, b, K) {
    const C = x.length, rows = range(x[0].length - K + 1), columns = range(x[0][0].length - K + 1);
    return range(b.length).map((f) =>
      rows.map((oh) =>
        columns.map((ow) => {
          let sum = b[f];
          for (let c = 0; c < C; c++)
            for (let i = 0; i < K; i++)
              for (let j = 0; j < K; j++) sum += W[((f * C + c) * K + i) * K + j] * x[c][oh + i][ow + j];
          return Math.max(sum, 0);
        }),
      ),
    );
  }

  /** The largest of each 2 x 2 pixels. */
  const pool = (x) =>
    x.map((map) =>
      range(map.length >> 1).map((r) =>
        range(map[0].length >> 1).map((c) =>
          Math.max(map[2 * r][2 * c], map[2 * r][2 * c + 1], map[2 * r + 1][2 * c], map[2 * r + 1][2 * c + 1]),
        ),
      ),
    );

  /** x (K), W flat (D, K), b (D): out = W x + b. */
  const dense = (x, W, b) => Array.from(b, (bias, d) => x.reduce((sum, value, k) => sum + W[d * x.length + k] * value, bias));

  function softmax(z) {
    const top = Math.max(...z), e = z.map((score) => Math.exp(score - top)), sum = e.reduce((a, b) => a + b);
    return e.map((value) => value / sum);
  }

  /** Return all that the layers make of an image, rows of 0..1. `w`: {"conv1.W": flat, ...}. */
  function lenet5(image, w, temperature) {
    const c1 = convolution([image], w["conv1.W"], w["conv1.b"], 5), m1 = pool(c1);
    const c2 = convolution(m1, w["conv2.W"], w["conv2.b"], 5), m2 = pool(c2);
    const a = dense(m2.flat(2), w["dense1.W"], w["dense1.b"]).map((value) => Math.max(value, 0));
    const z = dense(a, w["dense2.W"], w["dense2.b"]);
    return { c1, m1, c2, m2, a, z, p: softmax(z.map((score) => score / temperature)) };
  }

  return { halves, lenet5 };
})();

if (typeof module !== "undefined") module.exports = Forward;

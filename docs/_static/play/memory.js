// Chapter 9: which numbers in memory one weight is multiplied with, in two orders of the same images.
"use strict";

const Memory = (() => {
  const N = 4, H = 5, W = 6, K = 3, LANES = 8; // images, their rows and columns; the window's side; numbers of a vector
  const OW = W - K + 1;

  /** Return where in memory the pixel (h, w) of image n lies. */
  const place = (last, n, h, w) => (last ? (h * W + w) * N + n : (n * H + h) * W + w);

  /** Return the places that the weight (i, j) meets for the row `oh` of outputs of all images, in order. */
  function met(last, oh, i, j) {
    const found = [];
    for (let n = 0; n < N; n++) for (let ow = 0; ow < OW; ow++) found.push(place(last, n, oh + i, ow + j));
    return found.sort((a, b) => a - b);
  }

  /** Return the lengths of the runs of places that follow each other. */
  function runs(places) {
    const lengths = [];
    places.forEach((at, k) => (k && at === places[k - 1] + 1 ? (lengths[lengths.length - 1] += 1) : lengths.push(1)));
    return lengths;
  }

  /** Return how many vectors of LANES numbers it takes, none of which reaches beyond its run. */
  const vectors = (lengths) => lengths.reduce((sum, length) => sum + Math.ceil(length / LANES), 0);

  return { N, H, W, K, LANES, OW, place, met, runs, vectors };
})();

if (typeof Play === "undefined") module.exports = Memory;
else Play.widget("memory", (element) => {
  const { N, H, W, K, LANES } = Memory, COLUMNS = 24, ROWS = (N * H * W) / COLUMNS;
  const HUES = ["#3b7dd8", "#d9731a", "#2f9e6e", "#b04fc0"];
  const state = { last: false, oh: 0, i: 0, j: 0 };
  const controls = Play.row(element);
  Play.choice(controls, {
    label: "In memory", value: "first", options: { first: "image after image: (N, C, H, W)", last: "the batch last: (C, H, W, N)" },
    change: (order) => update({ last: order === "last" }),
  });
  const surface = Play.canvas(element, {
    label: "The numbers of four images as they lie in memory, and which of them one weight meets.", draw, width: 640,
    ratio: (width) => (ROWS * (width / COLUMNS + 8) + 26) / width,
  });
  const sliders = Play.row(element);
  const slider = (label, key, max) =>
    Play.slider(sliders, { label, min: 0, max, value: 0, step: 1, change: (value) => update({ [key]: value }) });
  slider("Row of outputs, oh", "oh", H - K);
  slider("Weight's row, i", "i", K - 1);
  slider("Weight's column, j", "j", K - 1);
  const text = Play.text(element);

  function draw(context, width, height, colors) {
    const side = width / COLUMNS, met = new Set(Memory.met(state.last, state.oh, state.i, state.j));
    for (let n = 0; n < N; n++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++) {
          const at = Memory.place(state.last, n, h, w);
          const x = (at % COLUMNS) * side, y = Math.floor(at / COLUMNS) * (side + 8);
          context.globalAlpha = met.has(at) ? 1 : 0.22;
          context.fillStyle = HUES[n];
          context.fillRect(x + 0.5, y, side - 1, side);
          context.globalAlpha = 1;
          if (!met.has(at)) continue;
          context.fillStyle = colors.ink;
          context.fillRect(x, y + side + 2, side, 3);
        }
    context.textAlign = "left";
    HUES.forEach((hue, n) => {
      context.fillStyle = hue;
      context.fillRect(n * 78, height - 14, 11, 11);
      context.fillStyle = colors.ink;
      context.fillText(`image ${n}`, n * 78 + 16, height - 4);
    });
  }

  function update(changes) {
    Object.assign(state, changes);
    const lengths = Memory.runs(Memory.met(state.last, state.oh, state.i, state.j));
    const all = lengths.reduce((sum, length) => sum + length), vectors = Memory.vectors(lengths);
    const runs = lengths.length > 1 ? `${lengths.length} runs of ${lengths[0]}` : `one run of ${all}`;
    text.textContent = `The weight (${state.i}, ${state.j}) meets ${all} numbers for row ${state.oh} of the outputs. They lie ` +
      `in ${runs}: ${vectors} vectors of ${LANES}, ${Math.round((100 * all) / (vectors * LANES))} % full.`;
    surface.redraw();
  }
  update({});
});

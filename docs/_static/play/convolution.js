// A filter of LeNet-5 slides over a test digit: one number of its output, of dx, or of dW, and all products behind it.
"use strict";

const Convolution = (() => {
  const range = (count) => [...Array(count).keys()];
  const map = (rows, columns, number) => range(rows).map((r) => range(columns).map((c) => number(r, c)));
  const sum = (rows) => rows.flat().reduce((total, number) => total + number, 0);
  const times = (one, other) => one.map((row, r) => row.map((number, c) => number * other[r][c]));
  const flipped = (kernel) => kernel.map((row) => [...row].reverse()).reverse();

  /** What a window of the size K shows of x at (r, c). */
  const shown = (x, K, r, c) => map(K, K, (i, j) => x[r + i][c + j]);

  /** dout of the windows in which the pixel (h, w) stands, as the flipped filter lies on them; 0 beyond dout. */
  const owed = (dout, K, h, w) => map(K, K, (i, j) => dout[h - K + 1 + i]?.[w - K + 1 + j] ?? 0);

  /** dout times the pixel that the weight (i, j) met there. */
  const met = (dout, x, i, j) => dout.map((row, r) => row.map((number, c) => number * x[r + i][c + j]));

  /** Return {out, dx, dW} of one filter W (K, K) with the bias b on x (H, H). */
  function maps(x, W, b, dout) {
    const K = W.length, turned = flipped(W), OUT = x.length - K + 1;
    return {
      out: map(OUT, OUT, (r, c) => b + sum(times(W, shown(x, K, r, c)))),
      dx: map(x.length, x.length, (h, w) => sum(times(turned, owed(dout, K, h, w)))),
      dW: map(K, K, (i, j) => sum(met(dout, x, i, j))),
    };
  }

  return { times, flipped, shown, owed, met, maps };
})();

if (typeof Play === "undefined") module.exports = Convolution;
else Play.widget("convolution", (element) => {
  const { x, W, b, dout } = Maps.data("convolution"); // (28, 28), (6, 5, 5), (6), (6, 24, 24)
  const SIZE = 28, KERNEL = 5, OUT = SIZE - KERNEL + 1;
  const { times, flipped } = Convolution;
  const window_ = (r, c) => Convolution.shown(x, KERNEL, r, c);
  const owed = (f, h, w) => Convolution.owed(dout[f], KERNEL, h, w);
  const met = (f, i, j) => Convolution.met(dout[f], x, i, j);
  const maps = W.map((kernel, f) => Convolution.maps(x, kernel, b[f], dout[f]));

  /** Return [row, column] of the number of a map that is farthest from 0. */
  function farthest(rows) {
    const top = Maps.largest(rows), r = rows.findIndex((row) => row.some((number) => Math.abs(number) === top));
    return [r, rows[r].findIndex((number) => Math.abs(number) === top)];
  }
  const first = maps[1];
  const at = { out: farthest(first.out), dx: farthest(first.dx), dW: farthest(first.dW) };
  const state = { mode: "out", filter: 1, at };

  // ---- controls

  const controls = Play.row(element);
  const modes = { out: "Forward: a number of out", dx: "Backward: a pixel, dx", dW: "Backward: a weight, dW" };
  Play.choice(controls, { label: "Show", options: modes, value: state.mode, change: (mode) => update({ mode }) });
  const filters = Object.fromEntries(W.map((_, f) => [f, `${f + 1} of ${W.length}`]));
  Play.choice(controls, {
    label: "Filter", options: filters, value: state.filter, change: (f) => update({ filter: Number(f) }),
  });
  const surface = Play.canvas(element, {
    label: "A test digit, what a filter makes of it, and the numbers of one place.", draw, width: 640,
    ratio: (width) => (layout(width).height) / width,
  });
  const text = Play.text(element);

  /** Where everything stands, for a canvas of a width. */
  function layout(width) {
    const gap = 16, half = (width - gap) / 2;
    const side = (half - 4) / SIZE, cell = Math.min(30, (width - 2 * 12) / 15); // with room for frames
    const tables = 26 + SIZE * side + 30;
    return { left: 2, right: half + gap, top: 22, side, cell, tables, height: tables + KERNEL * cell + 4 };
  }

  function draw(context, width, height, colors) {
    const place = layout(width), { filter: f, mode } = state, [r, c] = state.at[mode];
    const { left, right, top, side, cell, tables } = place, kernel = W[f], now = maps[f];
    const ink = colors.ink, mark = "#ff5fc0", third = KERNEL * cell + 12;
    const show = (what, at, title, options = {}) => Maps.draw(context, what, at, top, side, { title, ink, ...options });
    const table = (what, number, title, options = {}) =>
      Maps.table(context, what, number * third, tables, cell, { title, ink, ...options });
    const frame = (at, ...box) => Maps.frame(context, at, top, side, ...box, mark);
    if (mode === "out") {
      const patch = window_(r, c);
      show(x, left, "x, the digit", { gray: true });
      show(now.out, right, "out");
      frame(left, r, c, KERNEL, KERNEL);
      frame(right, r, c, 1, 1);
      table(patch, 0, "window", { gray: true, top: 1 });
      table(kernel, 1, "W");
      table(times(kernel, patch), 2, "products", { top: Maps.largest(kernel) });
    } else if (mode === "dx") {
      const back = owed(f, r, c), turned = flipped(kernel);
      show(now.dx, left, "dx, by this filter");
      show(dout[f], right, "dout");
      frame(left, r, c, 1, 1);
      const first = [Math.max(r - KERNEL + 1, 0), Math.max(c - KERNEL + 1, 0)];
      const last = [Math.min(r, OUT - 1), Math.min(c, OUT - 1)];
      frame(right, ...first, last[0] - first[0] + 1, last[1] - first[1] + 1);
      table(back, 0, "dout", { top: Maps.largest(dout[f]) });
      table(turned, 1, "W, flipped");
      table(times(turned, back), 2, "products");
    } else {
      show(x, left, "x, the digit", { gray: true });
      show(dout[f], right, "dout");
      frame(left, r, c, OUT, OUT);
      frame(right, 0, 0, OUT, OUT);
      table(kernel, 0, "W", { marked: [r, c] });
      table(now.dW, 1, "dW", { marked: [r, c] });
    }
  }

  // ---- what is chosen

  function update(changes) {
    Object.assign(state, changes);
    const { filter: f, mode } = state, [r, c] = state.at[mode], value = maps[f][mode][r][c];
    const n = (number) => Play.number(number, 3);
    if (mode === "out")
      text.textContent = `out[${f}, ${r}, ${c}] = b + the sum of 25 products = ${n(b[f])} + ${n(value - b[f])} = ${n(value)}`;
    if (mode === "dx") {
      const alike = owed(f, r, c).flat().filter((number) => number !== 0).length;
      text.textContent = `dx[0, ${r}, ${c}] = the sum of 25 products = ${n(value)}; ${alike} of the windows around ` +
        `it ask for a change`;
    }
    if (mode === "dW") {
      const terms = met(f, r, c).flat().filter((number) => number !== 0).length;
      text.textContent = `dW[${f}, 0, ${r}, ${c}] = the sum of 576 products of dout and the pixel under this weight = ` +
        `${n(value)}; ${terms} of them are not 0`;
    }
    surface.redraw();
  }

  const bound = { out: OUT, dx: SIZE, dW: KERNEL };
  function choose(r, c) {
    const most = bound[state.mode] - 1;
    state.at[state.mode] = [r, c].map((k) => Math.max(0, Math.min(most, k)));
    update({});
  }
  Play.drag(surface, {
    label: "Arrow keys move the place.",
    move(px, py) {
      const { right, top, side, cell, tables } = layout(surface.width);
      if (state.mode === "dW") {
        const third = KERNEL * cell + 12;
        if (py > tables) choose(Math.floor((py - tables) / cell), Math.floor((px % third) / cell));
        return;
      }
      const onRight = px >= right;
      const [r, c] = [Math.floor((py - top) / side), Math.floor((px - (onRight ? right : 0)) / side)];
      const centre = (KERNEL - 1) / 2; // a point of the digit stands for the window around it, and the other way round
      const moved = state.mode === "out" ? (onRight ? 0 : -centre) : onRight ? centre : 0;
      choose(r + moved, c + moved);
    },
    nudge(dx, dy) {
      const [r, c] = state.at[state.mode];
      choose(r - dy, c + dx);
    },
  });
  update({});
});

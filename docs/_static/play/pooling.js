// ReLU and pooling on 4 x 4 numbers that can be typed: who is chosen, and who receives the gradient.
"use strict";

const Pooling = (() => {
  const range = (count) => [...Array(count).keys()];

  /** x (4, 4) through ReLU, if so, and pooling of 2 x 2, and back from dout = 1, 2, 3, ... The library's rules:
      ties go to the first in reading order, and at 0 ReLU's slope is 0. */
  function passes(x, { relu, pool, stride }) {
    const positions = range(Math.floor((x.length - 2) / stride) + 1);
    const a = x.map((row) => row.map((number) => (relu ? Math.max(number, 0) : number)));
    const da = a.map((row) => row.map(() => 0)), won = a.map((row) => row.map(() => 0));
    let dout = 0;
    const out = positions.map((oh) => positions.map((ow) => {
      dout += 1;
      const places = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([i, j]) => [oh * stride + i, ow * stride + j]);
      const numbers = places.map(([h, w]) => a[h][w]);
      if (pool === "mean") {
        places.forEach(([h, w]) => (da[h][w] += dout / 4));
        return { value: numbers.reduce((sum, number) => sum + number) / 4, dout };
      }
      const [h, w] = places[numbers.indexOf(Math.max(...numbers))];
      da[h][w] += dout;
      won[h][w] += 1;
      return { value: a[h][w], dout };
    }));
    const dx = da.map((row, h) => row.map((number, w) => (relu && x[h][w] <= 0 ? 0 : number)));
    return { a, out, won, da, dx };
  }

  return { range, passes };
})();

if (typeof Play === "undefined") module.exports = Pooling;
else Play.widget("pooling", (element) => {
  const SIZE = 4, { range } = Pooling;
  const EXAMPLES = {
    chapter: ["The chapter's example", [[1, 4, -2, -1], [4, 2, -3, -1], [3, -1, 0, 5], [-2, 6, 2, 1]]],
    tie: ["All the same", range(SIZE).map(() => Array(SIZE).fill(2))],
    below: ["All below 0", [[-1, -4, -2, -1], [-4, -2, -3, -1], [-3, -1, -5, -5], [-2, -6, -2, -1]]],
    peak: ["One high number", [[0, 1, 0, 1], [1, 9, 2, 0], [0, 2, 1, 1], [1, 0, 1, 0]]],
  };
  const state = { relu: true, pool: "max", stride: 2 };

  // ---- the controls, and the tables

  const controls = Play.row(element);
  const options = Object.fromEntries(Object.entries(EXAMPLES).map(([key, [text]]) => [key, text]));
  Play.choice(controls, { label: "Numbers", options, value: "chapter", change: fill });
  Play.choice(controls, {
    label: "Pooling", options: { max: "the largest", mean: "the mean" }, value: "max",
    change: (pool) => show({ pool }),
  });
  Play.choice(controls, {
    label: "Step", options: { 2: "2: side by side", 1: "1: windows overlap" }, value: 2,
    change: (stride) => show({ stride: Number(stride) }),
  });
  const relu = Play.button(controls, "ReLU before it", () => show({ relu: !state.relu }));
  const tables = Play.row(element);
  tables.classList.add("play-tables");
  const given = table("x: type here"), pooled = table("out, dout"), back = table("dx");
  const inputs = range(SIZE).map((h) => {
    const row = Play.add(given, "tr");
    return range(SIZE).map((w) => {
      const input = Play.add(Play.add(row, "td"), "input", {
        type: "number", step: 1, min: -99, max: 99, "aria-label": `x, row ${h}, column ${w}`,
      });
      input.addEventListener("input", () => show({}));
      return input;
    });
  });
  const text = Play.text(element);

  function table(title) {
    const made = Play.add(tables, "table");
    Play.add(made, "caption", {}, title);
    return Play.add(made, "tbody");
  }

  /** Fill a table with rows of [text, what is small below it, whether it is marked, how much it is tinted]. */
  function write(body, rows) {
    body.replaceChildren();
    for (const row of rows) {
      const line = Play.add(body, "tr");
      for (const [number, below, marked, share] of row) {
        const cell = Play.add(line, "td", { class: marked ? "play-won" : "" }, number);
        cell.style.backgroundColor = share ? `color-mix(in srgb, #f08232 ${Math.round(60 * share)}%, transparent)` : "";
        if (below) Play.add(cell, "small", {}, below);
      }
    }
  }

  function fill(name) {
    EXAMPLES[name][1].forEach((row, h) => row.forEach((number, w) => (inputs[h][w].value = number)));
    show({});
  }

  function show(changes) {
    Object.assign(state, changes);
    relu.setAttribute("aria-pressed", state.relu);
    const x = inputs.map((row) => row.map((input) => Number(input.value) || 0));
    const { a, out, won, da, dx } = Pooling.passes(x, state), n = (number) => Play.number(number);
    const sum = (rows) => rows.flat().reduce((total, number) => total + number, 0);
    inputs.forEach((row, h) => row.forEach((input, w) => input.parentElement.classList.toggle("play-won", won[h][w] > 0)));
    write(pooled, out.map((row) => row.map(({ value, dout }) => [n(value), `dout ${n(dout)}`, false, 0])));
    const top = Math.max(...dx.flat(), 1);
    write(back, dx.map((row, h) => row.map((number, w) => {
      const lost = da[h][w] - number;
      return [n(number), lost ? `lost ${n(lost)}` : "", won[h][w] > 0, number / top];
    })));
    const all = sum(da), arrived = sum(dx), reached = dx.flat().filter((number) => number !== 0).length;
    text.textContent = `Of a gradient of ${n(all)} in all, ${n(arrived)} arrives, at ${reached} of the 16 numbers.` +
      (arrived < all ? ` ReLU stops ${n(all - arrived)}: those numbers are not above 0.` : "");
  }

  fill("chapter");
});

// SGD, momentum and Adam side by side, on a narrow valley or on a plane through the weights of a trained LeNet-5.
"use strict";

const Optimizers = (() => {
  const STEEP = 25;

  const valley = { loss: (a, b) => 0.5 * (a * a + STEEP * b * b), gradient: (a, b) => [a, STEEP * b] };

  /** Return the surface of losses (B, A) at points along (A) and across (B): straight lines between them. */
  function grid({ along, across, losses }) {
    function place(value, points) {
      const last = points.length - 1, at = ((value - points[0]) / (points[last] - points[0])) * last;
      const first = Math.max(0, Math.min(last - 1, Math.floor(at)));
      return [first, Math.max(-1, Math.min(2, at - first))]; // a little beyond the edge it goes on as before
    }
    function loss(a, b) {
      const [c, x] = place(a, along), [r, y] = place(b, across);
      const [upper, lower] = [losses[r], losses[r + 1]].map((row) => row[c] + x * (row[c + 1] - row[c]));
      return upper + y * (lower - upper);
    }
    const da = along[1] - along[0], db = across[1] - across[0];
    const gradient = (a, b) => [
      (loss(a + da / 2, b) - loss(a - da / 2, b)) / da, (loss(a, b + db / 2) - loss(a, b - db / 2)) / db,
    ];
    return { loss, gradient };
  }

  // the three rules of the chapter, number by number; kept: {m, v}

  const rules = {
    sgd: (theta, g, lr) => theta.map((value, k) => value - lr * g[k]),
    momentum: (theta, g, lr, kept, t, momentum) => theta.map((value, k) => {
      kept.m[k] = momentum * kept.m[k] + g[k];
      return value - lr * kept.m[k];
    }),
    adam: (theta, g, lr, kept, t) => theta.map((value, k) => {
      kept.m[k] = 0.9 * kept.m[k] + 0.1 * g[k];
      kept.v[k] = 0.999 * kept.v[k] + 0.001 * g[k] * g[k];
      return value - (lr * (kept.m[k] / (1 - 0.9 ** t))) / (Math.sqrt(kept.v[k] / (1 - 0.999 ** t)) + 1e-8);
    }),
  };

  /** Return where a rule goes on a surface: steps + 1 points. */
  function walk(name, surface, start, steps, lr, momentum = 0.9) {
    const kept = { m: [0, 0], v: [0, 0] }, path = [start];
    for (let t = 1; t <= steps; t++) {
      const theta = path[path.length - 1];
      path.push(rules[name](theta, surface.gradient(...theta), lr, kept, t, momentum));
    }
    return path;
  }

  return { valley, grid, walk };
})();

if (typeof Play === "undefined") module.exports = Optimizers;
else Play.widget("optimizers", (element) => {
  const data = Maps.data("optimizers"); // along (A), across (B), losses (B, A)
  const BANDS = 14;
  const surfaces = {
    valley: {
      ...Optimizers.valley, text: "a valley: ½ (a² + 25 b²)", limits: [-11, 11, -3, 3], start: [-10, 2],
      end: "the bottom has 0", rates: { sgd: 0.07, momentum: 0.02, adam: 0.5 },
    },
    lenet5: {
      ...Optimizers.grid(data), text: "LeNet-5: a plane through its weights",
      limits: [data.along[0], data.along.at(-1), data.across[0], data.across.at(-1)], start: [27.66, -2.5],
      end: "the trained weights are at (0, 0)", rates: { sgd: 0.5, momentum: 0.1, adam: 0.5 },
    },
  };
  const looks = { sgd: ["SGD", "#5aa2ff", []], momentum: ["momentum", "#ff9a4d", [7, 4]], adam: ["Adam", "#49d3a0", [2, 4]] };

  const walk = (name) =>
    Optimizers.walk(name, surfaces[state.surface], state.start, state.steps, state.rates[name], state.momentum);

  // ---- controls

  const state = { surface: "valley", steps: 40, momentum: 0.9, start: [0, 0], rates: {} };
  const controls = Play.row(element);
  const options = Object.fromEntries(Object.entries(surfaces).map(([key, { text }]) => [key, text]));
  Play.choice(controls, { label: "Surface", options, value: state.surface, change: choose });
  const surface = Play.canvas(element, {
    label: "Lines of equal loss, and the paths of three optimisers from the ring.", draw, ratio: 0.56, width: 680,
  });
  const sliders = Play.row(element), rates = {};
  for (const [name, [text]] of Object.entries(looks))
    rates[name] = Play.slider(sliders, {
      label: `Rate, ${text}`, min: 0.001, max: 5, value: 0.1, powers: true, step: 0.01,
      change: (rate) => { state.rates[name] = rate; update(); },
    });
  Play.slider(sliders, {
    label: "Momentum", min: 0, max: 0.99, value: 0.9, step: 0.01, change: (momentum) => { state.momentum = momentum; update(); },
  });
  const steps = Play.slider(sliders, {
    label: "Steps", min: 0, max: 150, value: 40, step: 1, change: (count) => { state.steps = count; update(); },
  });
  const buttons = Play.row(element);
  const run = Play.animation(element, () => {
    state.steps += 1;
    steps.set(state.steps);
    update();
    return state.steps < 150;
  }, (running) => (button.textContent = running ? "Stop" : "Run from the first step"));
  const button = Play.button(buttons, "Run from the first step", () => {
    if (run.running) return run.stop();
    state.steps = 0;
    run.start();
  });
  const text = Play.text(element, { quiet: true });

  // ---- the picture

  let painted = { key: "", image: null };
  const toScreen = (width, height) => {
    const [a0, a1, b0, b1] = surfaces[state.surface].limits;
    return ([a, b]) => [((a - a0) / (a1 - a0)) * width, ((b1 - b) / (b1 - b0)) * height];
  };

  const isDark = ({ ink, sheet }) => ink > sheet; // #e9e7e2 on #1e2126

  /** Return the surface in bands, each of which has so many times the loss of the one before. */
  function background(width, height, colors) {
    const key = [state.surface, width, height, colors.sheet].join();
    if (painted.key === key) return painted.image;
    const { limits: [a0, a1, b0, b1], loss } = surfaces[state.surface];
    const image = new OffscreenCanvas(width, height), context = image.getContext("2d");
    const pixels = context.createImageData(width, height);
    const dark = isDark(colors), ends = state.surface === "valley" ? [0.2, 170] : [0.02, 18];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = loss(a0 + (x / width) * (a1 - a0), b1 - (y / height) * (b1 - b0));
        const share = Math.log(Math.max(value, ends[0]) / ends[0]) / Math.log(ends[1] / ends[0]);
        const band = Math.min(1, Math.floor(share * BANDS) / BANDS);
        const at = 4 * (y * width + x), shade = dark ? 22 + 62 * band : 250 - 95 * band;
        pixels.data.set([shade, shade, shade + (dark ? 14 : 5), 255], at);
      }
    context.putImageData(pixels, 0, 0);
    painted = { key, image };
    return image;
  }

  function draw(context, width, height, colors) {
    context.drawImage(background(Math.round(width), Math.round(height), colors), 0, 0, width, height);
    const place = toScreen(width, height);
    let right = 10;
    context.lineWidth = 2;
    for (const [name, [title, color, dash]] of Object.entries(looks)) {
      context.strokeStyle = context.fillStyle = isDark(colors) ? color : `color-mix(in srgb, ${color} 60%, black)`;
      context.fillText(title, right, height - 10);
      right += context.measureText(title).width + 18;
      context.setLineDash(dash);
      context.beginPath();
      const path = walk(name).filter((theta) => theta.every((value) => Math.abs(value) < 1e6)).map(place);
      path.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.setLineDash([]);
      for (const [x, y] of path) context.fillRect(x - 2, y - 2, 4, 4);
    }
    context.strokeStyle = isDark(colors) ? "#fff" : "#111";
    const [x, y] = place(state.start), [endX, endY] = place([0, 0]);
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.moveTo(endX - 6, endY);
    context.lineTo(endX + 6, endY);
    context.moveTo(endX, endY - 6);
    context.lineTo(endX, endY + 6);
    context.stroke();
  }

  function update() {
    const { loss, end } = surfaces[state.surface];
    const ends = Object.entries(looks).map(([name, [title]]) => {
      const value = loss(...walk(name).at(-1));
      return `${title} ${value < 1e4 ? Play.number(value) : "out of sight"}`;
    });
    text.textContent = `Loss at the ring ${Play.number(loss(...state.start))}; after ${state.steps} steps: ${ends.join(", ")}. ` +
      `The cross: ${end}.`;
    surface.redraw();
  }

  function choose(name) {
    state.surface = name;
    const { start, rates: usual } = surfaces[name];
    state.start = [...start];
    state.rates = { ...usual };
    for (const [key, slider] of Object.entries(rates)) slider.set(usual[key]);
    update();
  }

  Play.drag(surface, {
    label: "Arrow keys move the start.",
    move(x, y) {
      const [a0, a1, b0, b1] = surfaces[state.surface].limits;
      state.start = [a0 + (x / surface.width) * (a1 - a0), b1 - (y / surface.height) * (b1 - b0)];
      update();
    },
    nudge(dx, dy) {
      const [a0, a1, b0, b1] = surfaces[state.surface].limits;
      state.start = [state.start[0] + (dx * (a1 - a0)) / 100, state.start[1] + (dy * (b1 - b0)) / 100];
      update();
    },
  });
  choose("valley");
});

// Chapter 1: a neuron with one input beside its loss surface, and gradient descent upon it.
"use strict";

const Neuron = {
  line: {
    x: [0, 2], y: [1, 5], view: { w: [-2.5, 6.5], b: [-4, 6] }, out: [-3, 9], start: [0, 0], rate: 0.1,
    f: (z) => z, slope: () => 1,
  },
  sigmoid: {
    x: [0, 2], y: [0.25, 0.75], view: { w: [-8, 8], b: [-8, 8] }, out: [-0.1, 1.1], start: [-2, 3], rate: 1,
    f: (z) => 1 / (1 + Math.exp(-z)), slope: (out) => out * (1 - out),
  },

  /** Return {loss, dw, db}: the mean squared error of f(w x + b), and its gradient. */
  gradient({ x, y, f, slope }, w, b) {
    let [loss, dw, db] = [0, 0, 0];
    for (let n = 0; n < x.length; n++) {
      const out = f(w * x[n] + b);
      const dz = ((2 * (out - y[n])) / x.length) * slope(out);
      loss += (out - y[n]) ** 2 / x.length;
      dw += dz * x[n];
      db += dz;
    }
    return { loss, dw, db };
  },
};

if (typeof Play === "undefined") module.exports = Neuron;
else Play.widget("neuron", (element) => {
  const MOST = 400; // steps that are drawn
  let model = Neuron.line;
  let path = [model.start];
  let heights = null; // a picture of the loss, for one model and one set of colours

  const surface = Play.canvas(element, {
    label: "Left: the data and the neuron's output. Right: the loss for every weight and bias, and the steps upon it.",
    ratio: (width) => (width < 480 ? 1.45 : 0.52),
    width: 760,
    draw,
  });
  const says = Play.text(element, { quiet: true });
  const kinds = Play.row(element);
  const kind = Play.choice(kinds, {
    label: "The neuron is",
    options: { line: "a line: out = w x + b", sigmoid: "a sigmoid: out = s(w x + b)" },
    value: "line",
    change(name) {
      model = Neuron[name];
      rate.set(model.rate);
      heights = null;
      begin(...model.start);
    },
  });
  const rate = Play.slider(kinds, { label: "rate lr", min: 0.01, max: 10, value: 0.1, powers: true, step: 0.005, format: (lr) => Play.number(lr, 2) });
  const buttons = Play.row(element);
  Play.button(buttons, "One step", () => (running.stop(), step(), show()));
  const run = Play.button(buttons, "Run", () => (running.running ? running.stop() : running.start()));
  Play.button(buttons, "Back to the start", () => begin(...path[0]));
  let frames = 0;
  const running = Play.animation(
    element,
    () => {
      if (path.length < 20 && frames++ % 6) return true; // the first steps are to be seen one by one
      const more = step();
      show();
      return more;
    },
    (on) => (run.textContent = on ? "Stop" : "Run"),
  );
  Play.drag(surface, {
    label: "The arrow keys move the start.",
    inside(px, py) {
      const { x, y, width, height } = boxes().right;
      return px >= x - 10 && px <= x + width + 10 && py >= y - 10 && py <= y + height + 10;
    },
    move(px, py) {
      const box = boxes().right;
      begin(at(px, box.x, box.width, model.view.w), at(box.y + box.height - py, 0, box.height, model.view.b));
    },
    nudge: (dx, dy) => begin(path[0][0] + dx / 10, path[0][1] + dy / 10),
  });
  begin(...model.start);

  function at(pixel, first, length, [low, high]) {
    return Math.min(high, Math.max(low, low + ((pixel - first) / length) * (high - low)));
  }

  function begin(w, b) {
    running.stop();
    path = [[w, b]];
    show();
  }

  /** Take a step, and return whether another makes sense. */
  function step() {
    const [w, b] = path.at(-1);
    const { dw, db } = Neuron.gradient(model, w, b);
    const next = [w - rate.value * dw, b - rate.value * db];
    if (!next.every((value) => Math.abs(value) < 1e12)) return false;
    path.push(next);
    return path.length <= MOST && Math.hypot(dw, db) > 1e-7;
  }

  function show() {
    const [w, b] = path.at(-1);
    const { loss, dw, db } = Neuron.gradient(model, w, b);
    const n = Play.number;
    says.textContent =
      `Step ${path.length - 1}: w = ${n(w)}, b = ${n(b)}, loss = ${n(loss)}; dw = ${n(dw)}, db = ${n(db)}.` +
      (loss > 1e4 ? " It diverges." : "");
    surface.redraw();
  }

  /** Return where the two halves lie: beside each other, or on a phone one above the other. */
  function boxes() {
    const { width, height } = surface;
    if (width < 480) {
      const half = (height - 70) / 2;
      return {
        left: { x: 34, y: 8, width: width - 44, height: half - 10 },
        right: { x: 34, y: half + 40, width: width - 44, height: half - 8 },
      };
    }
    return {
      left: { x: 34, y: 8, width: width * 0.42 - 40, height: height - 46 },
      right: { x: width * 0.42 + 44, y: 8, width: width * 0.58 - 54, height: height - 46 },
    };
  }

  function draw(context, width, height, colors) {
    const { left, right } = boxes();
    drawData(context, left, colors);
    drawSurface(context, right, colors);
  }

  function frame(context, box, colors, across, up, below, beside) {
    context.strokeStyle = colors.line;
    context.lineWidth = 1;
    context.strokeRect(box.x, box.y, box.width, box.height);
    context.fillStyle = colors.soft;
    context.textBaseline = "top";
    for (const value of ticks(across)) {
      context.textAlign = "center";
      context.fillText(Play.number(value), to(value, across, box.x, box.width), box.y + box.height + 4);
    }
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of ticks(up)) {
      context.fillText(Play.number(value), box.x - 5, box.y + box.height - to(value, up, 0, box.height));
    }
    context.fillStyle = colors.ink;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(below, box.x + box.width / 2, box.y + box.height + 19);
    context.textAlign = "left";
    context.fillText(beside, box.x + 5, box.y + 5);
  }

  function ticks([low, high]) {
    const step = [0.5, 1, 2, 4].find((size) => (high - low) / size <= 6) ?? 5;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }

  function to(value, [low, high], first, length) {
    return first + ((value - low) / (high - low)) * length;
  }

  function clipped(context, box, drawing) {
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    drawing();
    context.restore();
  }

  function drawData(context, box, colors) {
    const across = [-0.5, 2.5];
    const [w, b] = path.at(-1);
    const place = (x, out) => [to(x, across, box.x, box.width), box.y + box.height - to(out, model.out, 0, box.height)];
    clipped(context, box, () => {
      context.strokeStyle = colors.mark;
      context.lineWidth = 1.5;
      context.setLineDash([3, 3]); // the errors, whose squares the loss adds up
      model.x.forEach((x, n) => {
        context.beginPath();
        context.moveTo(...place(x, model.y[n]));
        context.lineTo(...place(x, model.f(w * x + b)));
        context.stroke();
      });
      context.setLineDash([]);
      context.strokeStyle = colors.key;
      context.lineWidth = 2.5;
      context.beginPath();
      for (let k = 0; k <= 60; k++) {
        const x = across[0] + (k / 60) * (across[1] - across[0]);
        context.lineTo(...place(x, model.f(w * x + b)));
      }
      context.stroke();
      context.fillStyle = colors.ink;
      model.x.forEach((x, n) => dot(context, ...place(x, model.y[n]), 5));
    });
    frame(context, box, colors, across, model.out, "x", "out and the data");
  }

  function dot(context, x, y, radius) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  function drawSurface(context, box, colors) {
    const { w, b } = model.view;
    const place = ([weight, bias]) => [to(weight, w, box.x, box.width), box.y + box.height - to(bias, b, 0, box.height)];
    if (heights?.colors !== colors.sheet) heights = paintHeights(colors);
    clipped(context, box, () => {
      context.drawImage(heights.picture, box.x, box.y, box.width, box.height);
      context.strokeStyle = context.fillStyle = colors.mark;
      context.lineWidth = 1.5;
      context.beginPath();
      path.forEach((theta) => context.lineTo(...place(theta)));
      context.stroke();
      path.slice(-60).forEach((theta) => dot(context, ...place(theta), 2.5));
      dot(context, ...place(path.at(-1)), 6);
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...place(path[0]), 9, 0, 2 * Math.PI);
      context.stroke();
    });
    frame(context, box, colors, w, b, "w", "b: drag the start");
  }

  /** Return a picture of the loss over w and b: bands of equal loss, darker the lower. */
  function paintHeights(colors) {
    const size = 240;
    const picture = document.createElement("canvas");
    picture.width = picture.height = size;
    const context = picture.getContext("2d");
    const losses = [];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const w = at(column + 0.5, 0, size, model.view.w);
        const b = at(size - row - 0.5, 0, size, model.view.b);
        losses.push(Neuron.gradient(model, w, b).loss);
      }
    }
    const top = losses.reduce((most, loss) => Math.max(most, loss), 0);
    context.fillStyle = colors.key;
    losses.forEach((loss, k) => {
      const band = Math.floor(12 * Math.sqrt(loss / top)) / 12; // the root spreads the bands where the loss is low
      context.globalAlpha = 0.6 * (1 - band);
      context.fillRect(k % size, Math.floor(k / size), 1, 1);
    });
    return { picture, colors: colors.sheet };
  }
});

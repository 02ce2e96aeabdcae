// Chapter 4: scores become probabilities, and the loss pulls at the scores.
"use strict";

const Softmax = {
  /** Return p (K) for scores z (K) at a temperature: the largest is taken off, so that exp never overflows. */
  forward(z, temperature = 1) {
    const top = Math.max(...z);
    const e = z.map((score) => Math.exp((score - top) / temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((value) => value / sum);
  },

  /** Return {loss, dz} of the cross-entropy for the right class, with respect to z / temperature. */
  crossEntropy(z, right, temperature = 1) {
    const top = Math.max(...z);
    const sum = z.reduce((total, score) => total + Math.exp((score - top) / temperature), 0);
    const p = Softmax.forward(z, temperature);
    return { loss: Math.log(sum) - (z[right] - top) / temperature, dz: p.map((value, k) => value - (k === right)) };
  },

  /** Return {loss, dz} of the mean squared error between p and the right answer. */
  squaredError(z, right, temperature = 1) {
    const p = Softmax.forward(z, temperature);
    const difference = p.map((value, k) => value - (k === right));
    const dout = difference.map((value) => (2 * value) / p.length);
    const mean = dout.reduce((total, value, k) => total + value * p[k], 0);
    return { loss: difference.reduce((total, value) => total + value ** 2, 0) / p.length, dz: p.map((value, k) => value * (dout[k] - mean)) };
  },
};

if (typeof Play === "undefined") module.exports = Softmax;
else Play.widget("softmax", (element) => {
  const START = [0, Math.log(2), Math.log(5)];
  let z = [...START];
  let right = 2;
  let loss = "crossEntropy";
  let steps = 0;
  const choices = Play.row(element);
  const answer = Play.choice(choices, {
    label: "Right is", options: { 0: "class 0", 1: "class 1", 2: "class 2" }, value: right,
    change: (value) => ((right = Number(value)), begin(z)),
  });
  Play.choice(choices, {
    label: "Loss:", options: { crossEntropy: "cross-entropy", squaredError: "squared error" }, value: loss,
    change: (value) => ((loss = value), begin(z)),
  });
  const surface = Play.canvas(element, {
    label: "For each class: its probability as a bar, its target, and an arrow that shows where the step moves its score.",
    ratio: (width) => (width < 480 ? 0.8 : 0.48),
    width: 600,
    draw,
  });
  const says = Play.text(element, { quiet: true });
  const sliders = Play.row(element);
  const scores = z.map((value, k) =>
    Play.slider(sliders, {
      label: `z[${k}]`, min: -10, max: 10, step: 0.01, value,
      change: (score) => ((z[k] = score), begin(z)),
    }),
  );
  const temperature = Play.slider(sliders, {
    label: "temperature T", min: 0.1, max: 10, value: 1, powers: true, step: 0.01, change: () => begin(z),
  });
  const buttons = Play.row(element);
  Play.button(buttons, "One step (lr = 1)", () => (running.stop(), step(), show()));
  const run = Play.button(buttons, "Run", () => (running.running ? running.stop() : running.start()));
  Play.button(buttons, "p = 1/8, 2/8, 5/8", () => begin([...START]));
  Play.button(buttons, "Sure and wrong", () => {
    right = 2;
    answer.value = "2";
    begin([8, 0, -2]);
  });
  const running = Play.animation(
    element,
    () => {
      for (let left = 1 + Math.floor(steps / 50); left; left--) step(); // faster and faster
      show();
      return steps < 5000;
    },
    (on) => (run.textContent = on ? "Stop" : "Run"),
  );
  show();

  function now() {
    return Softmax[loss](z, right, temperature.value);
  }

  function begin(scoresNow) {
    running.stop();
    z = scoresNow;
    steps = 0;
    show();
  }

  function step() {
    now().dz.forEach((value, k) => (z[k] -= value));
    steps++;
  }

  function show() {
    scores.forEach((slider, k) => slider.set(z[k]));
    const { loss: value, dz } = now();
    says.textContent =
      `${steps ? `After ${steps} step${steps > 1 ? "s" : ""}: ` : ""}loss ${Play.number(value)}; ` +
      `dz = (${dz.map((part) => Play.number(Math.abs(part) < 1e-12 ? 0 : part)).join(", ")}), which adds up to 0.`;
    surface.redraw();
  }

  function draw(context, width, height, colors) {
    const p = Softmax.forward(z, temperature.value);
    const { dz } = now();
    const [top, floor] = [26, height - 42];
    const column = width / 3;
    const bar = Math.min(90, column * 0.42);
    const wide = width > 400;
    context.textAlign = "center";
    p.forEach((value, k) => {
      const left = (k + 0.5) * column - bar * 0.75;
      context.fillStyle = colors.key;
      context.fillRect(left, floor - value * (floor - top), bar, value * (floor - top));
      context.setLineDash([4, 3]);
      context.lineWidth = 1.5;
      context.strokeStyle = colors.ink;
      const target = k === right ? floor - top : 0;
      context.strokeRect(left, floor - target, bar, target || 0.1);
      context.setLineDash([]);
      context.fillStyle = colors.ink;
      context.textBaseline = "bottom";
      context.fillText(`${wide ? "p = " : ""}${Play.number(value, wide ? 3 : 2)}`, left + bar / 2, floor - value * (floor - top) - 4);
      context.textBaseline = "top";
      context.fillText(`${wide ? "class " : ""}${k}${k === right ? " (right)" : ""}`, left + bar / 2, floor + 6);
      context.fillStyle = colors.mark;
      context.fillText(`${wide ? "dz = " : ""}${Play.number(Math.abs(dz[k]) < 1e-12 ? 0 : dz[k], 2)}`, left + bar / 2, floor + 23);
      arrow(context, left + bar + 20, (top + floor) / 2, -dz[k] * (floor - top) * 0.45, colors.mark);
    });
  }

  /** Draw an arrow up (of a length above 0) or down. */
  function arrow(context, x, y, length, color) {
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x, y - length);
    context.stroke();
    if (Math.abs(length) < 1) return;
    const tip = Math.sign(length) * 9;
    context.beginPath();
    context.moveTo(x - 6, y - length);
    context.lineTo(x + 6, y - length);
    context.lineTo(x, y - length - tip);
    context.fill();
  }
});

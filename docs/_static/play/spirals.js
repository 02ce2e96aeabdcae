// Chapter 3: a network of dense layers learns to part points of the plane, live in the page. Needs network.js.
"use strict";

Play.widget("spirals", (element) => {
  const EDGE = 1.3;
  const GRID = 48; // points of the map in a row
  const STEPS = 15; // of training in a frame
  let [data, units, hidden, activation, seed] = ["spirals", 8, 2, "tanh", 4];
  let layers, x, y, steps, losses;
  const grid = places();

  const chosen = Play.row(element);
  Play.choice(chosen, {
    label: "Points:",
    options: { xor: "XOR: four clouds", circle: "a disc in a ring", spirals: "two spirals" },
    value: data,
    change: (value) => ((data = value), points(), begin()),
  });
  Play.choice(chosen, {
    label: "Activation:",
    options: { tanh: "tanh", relu: "ReLU", none: "none" },
    value: activation,
    change: (value) => ((activation = value), begin()),
  });
  const surface = Play.canvas(element, {
    label: "Left: what the network says to each point of the plane. Right: what each unit of its first layer says.",
    ratio: (width) => (width < 480 ? 1.5 : 0.55),
    width: 700,
    draw,
  });
  const says = Play.text(element, { quiet: true });
  const buttons = Play.row(element);
  const run = Play.button(buttons, "Train", () => (running.running ? running.stop() : running.start()));
  Play.button(buttons, "One step", () => (running.stop(), learn(1), show()));
  Play.button(buttons, "Other weights", () => (seed++, begin()));
  const sliders = Play.row(element);
  const whole = (value) => String(Math.round(value));
  Play.slider(sliders, {
    label: "units in a layer", min: 1, max: 16, step: 1, value: units, format: whole, change: (value) => ((units = value), begin()),
  });
  Play.slider(sliders, {
    label: "hidden layers", min: 0, max: 3, step: 1, value: hidden, format: whole, change: (value) => ((hidden = value), begin()),
  });
  const rate = Play.slider(sliders, { label: "rate lr", min: 0.01, max: 3, value: 0.2, powers: true, step: 0.01 });
  const running = Play.animation(
    element,
    () => (learn(STEPS), show(), Number.isFinite(losses.at(-1))),
    (on) => (run.textContent = on ? "Stop" : "Train"),
  );
  points();
  begin();

  function learn(count) {
    for (let k = 0; k < count; k++) losses.push(DenseNetwork.step(layers, x, y, activation, rate.value));
    steps += count;
    if (losses.length > 4000) losses = losses.filter((_, k) => k % 2); // the curve keeps its form
  }

  function begin() {
    running.stop();
    layers = DenseNetwork.initialize([2, ...Array(hidden).fill(units), 1], activation, Play.random(seed));
    [steps, losses] = [0, []];
    show();
  }

  /** Make the points x (2, N) and what they should get, y (1, N). */
  function points() {
    const random = Play.random(7);
    const spread = () => 2 * random() - 1;
    const made = [];
    for (let n = 0; n < 120; n++) {
      const sign = n % 2 ? 1 : -1;
      if (data === "xor") {
        const [across, up] = [n % 4 < 2 ? 1 : -1, (n % 4 < 2 ? 1 : -1) * -sign];
        made.push([0.65 * across + 0.35 * spread(), 0.65 * up + 0.35 * spread(), sign]);
      } else if (data === "circle") {
        const [radius, angle] = [sign > 0 ? 0.5 * Math.sqrt(random()) : 0.8 + 0.3 * random(), 2 * Math.PI * random()];
        made.push([radius * Math.cos(angle), radius * Math.sin(angle), sign]);
      } else {
        const radius = 0.15 + (0.85 * Math.floor(n / 2)) / 59;
        const angle = 2 * Math.PI * 1.25 * radius;
        made.push([sign * radius * Math.cos(angle), sign * radius * Math.sin(angle), sign]);
      }
    }
    x = [0, 1].map((k) => Float64Array.from(made, (point) => point[k]));
    y = [Float64Array.from(made, (point) => point[2])];
  }

  /** Return the points of the map, (2, GRID²), its rows from the top down. */
  function places() {
    const at = (k) => -EDGE + (2 * EDGE * (k + 0.5)) / GRID;
    const count = { length: GRID * GRID };
    return [Float64Array.from(count, (_, n) => at(n % GRID)), Float64Array.from(count, (_, n) => -at(Math.floor(n / GRID)))];
  }

  function show() {
    const out = DenseNetwork.forward(layers, x, activation).at(-1)[0];
    const loss = out.reduce((sum, value, n) => sum + (value - y[0][n]) ** 2, 0) / out.length;
    const right = out.filter((value, n) => value * y[0][n] > 0).length;
    says.textContent = Number.isFinite(loss)
      ? `Step ${steps}: loss ${Play.number(loss)}, ${right} of ${out.length} points on the right side.`
      : `It has diverged: the rate is too large.`;
    surface.redraw();
  }

  function draw(context, width, height, colors) {
    const outputs = DenseNetwork.forward(layers, grid, activation);
    const narrow = width < 480;
    const side = narrow ? width : height;
    map(context, outputs.at(-1)[0], 0, 0, side, colors);
    outline(context, outputs.at(-1)[0], side, colors);
    const place = (value) => ((value + EDGE) / (2 * EDGE)) * side;
    y[0].forEach((target, n) => point(context, place(x[0][n]), place(-x[1][n]), target, colors));
    const box = narrow
      ? { x: 0, y: side + 22, width, height: height - side - 22 }
      : { x: side + 14, y: 18, width: width - side - 14, height: height - 18 };
    if (layers.length > 1) tiles(context, outputs[1], { ...box, height: box.height * 0.62 }, colors);
    curve(context, { ...box, y: box.y + box.height * 0.74, height: box.height * 0.26 }, colors);
  }

  /** Colour a square by answers: the stronger the further from 0. */
  function map(context, out, left, top, side, colors) {
    const picture = document.createElement("canvas");
    picture.width = picture.height = GRID;
    const paint = picture.getContext("2d");
    out.forEach((value, n) => {
      paint.fillStyle = value > 0 ? colors.mark : colors.key;
      paint.globalAlpha = 0.75 * Math.min(1, Math.abs(value)) || 0;
      paint.fillRect(n % GRID, Math.floor(n / GRID), 1, 1);
    });
    context.drawImage(picture, left, top, side, side);
    context.strokeStyle = colors.line;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
  }

  /** Draw where the answer is 0: a piece of the line through each square of four neighbours in which the sign changes. */
  function outline(context, out, side, colors) {
    const cell = side / GRID;
    context.strokeStyle = colors.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let row = 0; row + 1 < GRID; row++) {
      for (let column = 0; column + 1 < GRID; column++) {
        const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([right, down]) => [column + right, row + down]);
        const values = corners.map(([across, down]) => out[down * GRID + across]);
        const crossings = corners.flatMap(([across, down], k) => {
          const [value, next] = [values[k], values[(k + 1) % 4]];
          if (value > 0 === next > 0) return [];
          const share = value / (value - next);
          const [otherAcross, otherDown] = corners[(k + 1) % 4];
          return [[across + share * (otherAcross - across), down + share * (otherDown - down)]];
        });
        crossings.forEach(([across, down], k) => {
          const place = [(across + 0.5) * cell, (down + 0.5) * cell];
          if (k % 2) context.lineTo(...place);
          else context.moveTo(...place);
        });
      }
    }
    context.stroke();
  }

  function point(context, left, top, target, colors) {
    context.beginPath();
    if (target > 0) context.arc(left, top, 3.6, 0, 2 * Math.PI);
    else context.rect(left - 3.2, top - 3.2, 6.4, 6.4);
    context.fillStyle = target > 0 ? colors.mark : colors.key;
    context.fill();
    context.strokeStyle = colors.sheet;
    context.lineWidth = 1;
    context.stroke();
  }

  function tiles(context, outputs, box, colors) {
    title(context, "each unit of the first layer", box, colors);
    const columns = box.width > box.height * 1.6 ? 8 : 4;
    const size = Math.min(box.width / columns, box.height / Math.ceil(outputs.length / columns)) - 5;
    outputs.forEach((out, d) => {
      map(context, out, box.x + (d % columns) * (size + 5), box.y + Math.floor(d / columns) * (size + 5), size, colors);
    });
  }

  function curve(context, box, colors) {
    title(context, "loss", box, colors);
    context.strokeStyle = colors.line;
    context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
    const top = Math.max(1, ...losses.slice(0, 5).filter(Number.isFinite));
    context.strokeStyle = colors.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    losses.forEach((loss, k) => {
      if (Number.isFinite(loss)) {
        const height = Math.min(1, loss / top);
        context.lineTo(box.x + (k / losses.length) * box.width, box.y + (1 - height) * box.height);
      }
    });
    context.stroke();
  }

  function title(context, text, box, colors) {
    context.fillStyle = colors.soft;
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(text, box.x, box.y - 3);
  }
});

// Draw a digit, and see what every layer of a trained LeNet-5 makes of it.
"use strict";

Play.widget("lenet5", (element) => {
  const data = Maps.data("lenet5"); // weights: {name: base64}, temperature, digits: [{label, rows}]
  const weights = Object.fromEntries(Object.entries(data.weights).map(([name, text]) => [name, Forward.halves(text)]));
  const range = (count) => [...Array(count).keys()];
  const state = { strokes: [], pen: [0.5, 0.3], shown: 0, image: null, found: null };

  const controls = Play.row(element);
  const pads = Play.add(element, "div", { class: "play-pads" });
  const pad = Play.canvas(Play.add(pads, "div"), {
    label: "A pad to draw a digit on.", draw: drawPad, ratio: 1, width: 250,
  });
  const answer = Play.canvas(Play.add(pads, "div"), {
    label: "What the network sees, and the probability of each digit.", draw: drawAnswer, ratio: 1, width: 250,
  });
  const text = Play.text(element);
  const network = Play.canvas(element, {
    label: "What each layer makes of it.", draw: drawNetwork, width: 680, ratio: (width) => layers(width).height / width,
  });

  Play.button(controls, "Clear", () => read({ strokes: [], image: null }));
  Play.button(controls, "Another test digit", () => {
    const shown = (state.shown + 1) % data.digits.length;
    read({ shown, strokes: [], image: data.digits[shown].rows });
  });

  /** Take over changes, and read what is drawn now. */
  function read(changes) {
    Object.assign(state, changes);
    state.found = state.image ? Forward.lenet5(state.image, weights, data.temperature) : null;
    const order = state.found ? range(10).sort((a, b) => state.found.p[b] - state.found.p[a]) : [];
    const share = (digit) => `${digit} (${(100 * state.found.p[digit]).toFixed(1)} %)`;
    text.textContent = state.found
      ? `Read as ${share(order[0])}, then ${share(order[1])}.` +
        (state.strokes.length ? "" : ` The test digit is labelled ${data.digits[state.shown].label}.`)
      : "Draw a digit on the black square. Arrow keys draw, too.";
    [pad, answer, network].forEach((surface) => surface.redraw());
  }

  // ---- the pad

  function drawPad(context, width, height, colors) {
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    if (state.image && !state.strokes.length)
      Maps.draw(context, state.image, 0, 0, width / Pen.SIZE, { gray: true, top: 1 });
    Object.assign(context, { strokeStyle: "#fff", lineWidth: width / 13, lineCap: "round", lineJoin: "round" });
    for (const stroke of state.strokes) {
      context.beginPath();
      for (const [x, y] of [...stroke, stroke.at(-1)]) context.lineTo(x * width, y * height);
      context.stroke();
    }
    if (state.image) return;
    context.fillStyle = "#aaa";
    context.textAlign = "center";
    context.fillText("draw here", width / 2, height / 2);
  }

  function to(x, y, begin) {
    const point = [x, y].map((value) => Math.max(0, Math.min(1, value)));
    if (begin || !state.strokes.length) state.strokes.push([]);
    state.strokes.at(-1).push(point);
    read({ pen: point, image: Pen.image(state.strokes) });
  }
  let down = false;
  pad.element.addEventListener("pointerdown", () => (down = true), true);
  Play.drag(pad, {
    label: "Arrow keys draw.",
    move(x, y) {
      to(x / pad.width, y / pad.height, down);
      down = false;
    },
    nudge: (dx, dy) => to(state.pen[0] + dx / 25, state.pen[1] - dy / 25, false),
  });

  // ---- what comes of it

  function drawAnswer(context, width, height, colors) {
    const side = width / 2 / Pen.SIZE, line = height / 10.5;
    Maps.draw(context, state.image ?? range(28).map(() => Array(28).fill(0)), 0, 18, side, {
      gray: true, top: 1, title: "28 × 28", ink: colors.ink,
    });
    range(10).forEach((digit) => {
      const p = state.found?.p[digit] ?? 0, y = (digit + 0.5) * line, left = width / 2 + 26;
      context.fillStyle = colors.ink;
      context.textAlign = "left";
      context.fillText(digit, left - 14, y + line * 0.6);
      context.fillStyle = p === Math.max(...(state.found?.p ?? [1])) ? colors.mark : colors.key;
      context.fillRect(left, y + line * 0.12, Math.max(1, p * (width - left)), line * 0.62);
    });
  }

  /** Where the rows of maps stand: [key, title, maps in a row], y, side of a map. */
  function layers(width) {
    const rows = [
      ["c1", "conv1, ReLU: 6 maps of 24 × 24", 6, 6], ["m1", "pool1: 6 maps of 12 × 12", 6, 6],
      ["c2", "conv2, ReLU: 16 maps of 8 × 8", 16, 8], ["m2", "pool2: 16 maps of 4 × 4", 16, 8],
    ];
    let y = 24;
    const found = rows.map(([key, title, count, inRow]) => {
      const side = Math.min((width - 6 * (inRow - 1)) / inRow, key === "c1" ? 96 : 60), top = y;
      y += (count / inRow) * (side + 6) + 24;
      return { key, title, inRow, side, top };
    });
    return { rows: found, units: y, height: y + (2 * width) / 60 + 8 };
  }

  function drawNetwork(context, width, height, colors) {
    if (!state.found) return;
    const place = layers(width);
    for (const { key, title, inRow, side, top } of place.rows) {
      const maps = state.found[key], most = Math.max(...maps.map(Maps.largest));
      maps.forEach((map, k) => {
        const x = (k % inRow) * (side + 6), y = top + Math.floor(k / inRow) * (side + 6);
        Maps.draw(context, map, x, y, side / map.length, { top: most, title: k ? "" : title, ink: colors.ink });
      });
    }
    const rows = [state.found.a.slice(0, 60), state.found.a.slice(60)];
    Maps.draw(context, rows, 0, place.units, width / 60, { title: "dense1, ReLU: 120 units", ink: colors.ink });
  }

  read({ image: data.digits[0].rows });
});

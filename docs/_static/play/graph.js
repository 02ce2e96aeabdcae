// Chapter 2: values go down a graph of numbers, gradients come up it, one number at a time.
"use strict";

const Graph = {
  /** What makes a number of others: its value, its derivative with respect to each of them, and how both are written. */
  OPERATIONS: {
    "+": { value: (a, b) => a + b, derivatives: () => [1, 1] },
    "−": { value: (a, b) => a - b, derivatives: () => [1, -1] },
    "×": { value: (a, b) => a * b, derivatives: (a, b) => [b, a] },
    s: { value: (a) => 1 / (1 + Math.exp(-a)), derivatives: (a, out) => [out * (1 - out)] },
  },

  /** Graphs as lists of numbers, each after its inputs: [name, column, row, operation, inputs]. */
  KINDS: {
    line: {
      start: { w: 2, x: 3, b: -1, y: 2 },
      nodes: [
        ["w", 0, 0], ["x", 1, 0], ["p", 0.5, 1, "×", ["w", "x"]], ["b", 1.5, 1], ["out", 1, 2, "+", ["p", "b"]],
        ["y", 2, 2], ["d", 1.5, 3, "−", ["out", "y"]], ["L", 1.5, 4, "×", ["d", "d"]],
      ],
    },
    sigmoid: {
      start: { w: 2, x: 3, b: -6, y: 0.25 },
      nodes: [
        ["w", 0, 0], ["x", 1, 0], ["p", 0.5, 1, "×", ["w", "x"]], ["b", 1.5, 1], ["z", 1, 2, "+", ["p", "b"]],
        ["out", 1, 3, "s", ["z"]], ["y", 2, 3], ["d", 1.5, 4, "−", ["out", "y"]], ["L", 1.5, 5, "×", ["d", "d"]],
      ],
    },
    twice: {
      start: { x: 3, b: 1 },
      nodes: [
        ["x", 0.5, 0], ["b", 1.5, 0], ["q", 0.2, 1, "×", ["x", "x"]], ["r", 1.2, 1, "+", ["x", "b"]],
        ["L", 0.7, 2, "×", ["q", "r"]],
      ],
    },
  },

  /** Return the numbers of a graph with their values, for those of its inputs. */
  forward(kind, inputs) {
    const found = {};
    for (const [name, column, row, operation, from = []] of Graph.KINDS[kind].nodes) {
      const sources = from.map((source) => found[source]);
      const by = Graph.OPERATIONS[operation];
      const values = sources.map((source) => source.value);
      const value = by ? by.value(...values) : inputs[name];
      const derivatives = by ? by.derivatives(...values, value) : [];
      found[name] = { name, column, row, operation, sources, value, derivatives, gradient: 0 };
    }
    return Object.values(found);
  },

  /** Add a number's gradient, times the derivatives on its edges, to the gradients of its inputs. */
  back(node) {
    node.sources.forEach((source, k) => (source.gradient += node.gradient * node.derivatives[k]));
  },

  /** Return the numbers with their values and the gradients of the last with respect to each. */
  backward(kind, inputs) {
    const nodes = Graph.forward(kind, inputs);
    nodes.at(-1).gradient = 1;
    for (const node of nodes.toReversed()) Graph.back(node);
    return nodes;
  },
};

if (typeof Play === "undefined") module.exports = Graph;
else Play.widget("graph", (element) => {
  const n = (value) => Play.number(value, 4);
  let kind = "line";
  let inputs, nodes, made, done, promised; // how many values are made, and how many numbers have passed gradients on
  const choices = Play.row(element);
  Play.choice(choices, {
    label: "Graph:",
    options: { line: "L = (w x + b − y)²", sigmoid: "L = (s(w x + b) − y)²", twice: "L = x² (x + b): x is used three times" },
    value: kind,
    change(name) {
      kind = name;
      begin();
    },
  });
  const surface = Play.canvas(element, {
    label: "A graph of numbers: values go down, gradients come up.",
    ratio: (width) => (86 * (1 + Math.max(...Graph.KINDS[kind].nodes.map((node) => node[2]))) - 10) / width,
    width: 430,
    draw,
  });
  const says = Play.text(element);
  const buttons = Play.row(element);
  const next = Play.button(buttons, "Next", advance);
  Play.button(buttons, "All of it", () => {
    while (!finished()) advance(false);
    show();
  });
  Play.button(buttons, "From the start", begin);
  const sliders = Play.row(element);
  begin();

  function finished() {
    return made === nodes.length && done === nodes.length;
  }

  function begin() {
    inputs = { ...Graph.KINDS[kind].start };
    sliders.replaceChildren();
    for (const name of Object.keys(inputs)) {
      const middle = inputs[name];
      Play.slider(sliders, {
        label: name, min: middle - 2, max: middle + 2, step: 0.01, value: middle, format: n,
        change: (value) => move(name, value),
      });
    }
    restart();
  }

  function restart() {
    nodes = Graph.forward(kind, inputs);
    made = nodes.findLastIndex((node) => !node.operation && node.row === 0) + 1;
    done = 0;
    promised = null;
    show("Blue values go down. Press Next value.");
  }

  /** Make the next value, or let the next number pass its gradient on. */
  function advance(visible = true) {
    if (finished()) return restart();
    let text;
    if (made < nodes.length) text = say(nodes[made++]);
    else if (done === 0 && nodes.at(-1).gradient === 0) {
      nodes.at(-1).gradient = 1;
      text = "dL = 1: the loss changes as much as itself. Now the orange gradients come up.";
    } else {
      const node = nodes[nodes.length - 1 - done++];
      Graph.back(node);
      text = node.sources.length ? passing(node) : `${node.name} was not made from others: its gradient is complete.`;
    }
    if (finished()) promised = { inputs: { ...inputs }, loss: nodes.at(-1).value, nodes };
    if (visible) show(text);
  }

  function say({ name, operation, sources, value }) {
    if (!operation) return `${name} = ${n(value)} is given.`;
    const [a, b] = sources.map((source) => n(source.value));
    return `${name} = ${operation === "s" ? `s(${a})` : `${a} ${operation} ${bracketed(b)}`} = ${n(value)}`;
  }

  const bracketed = (text) => (text.startsWith("−") ? `(${text})` : text);

  function passing(node) {
    return node.sources
      .map((source, k) => {
        const share = node.gradient * node.derivatives[k];
        const sum = `d${source.name} ${source.gradient === share ? "=" : "gains"}`;
        return `${sum} d${node.name} × ${bracketed(n(node.derivatives[k]))} = ${n(share)}`;
      })
      .join("; ");
  }

  /** Move an input, and compare the change of the loss with what its gradient promises. */
  function move(name, value) {
    inputs[name] = value;
    if (!promised) return restart();
    const fresh = Graph.forward(kind, inputs);
    fresh.forEach((node, k) => (node.gradient = promised.nodes[k].gradient));
    nodes = fresh;
    let told = 0;
    const parts = [];
    for (const node of promised.nodes) {
      const moved = (inputs[node.name] ?? 0) - (promised.inputs[node.name] ?? 0);
      if (Math.abs(moved) < 1e-9) continue;
      told += node.gradient * moved;
      parts.push(`d${node.name} × ${bracketed(n(+moved.toFixed(4)))}`);
    }
    const change = nodes.at(-1).value - promised.loss;
    show(`Promised: ${parts.join(" + ") || "0"} = ${n(told)}. The loss has changed by ${n(change)}.`);
  }

  function show(text) {
    if (text) says.textContent = text;
    else if (finished()) says.textContent = "All is known. Move a slider: does the loss change as the gradients promise?";
    next.textContent = finished() ? "Again with these values" : made < nodes.length ? "Next value" : "Next gradient";
    surface.redraw();
  }

  function draw(context, width, height, colors) {
    const across = Math.min(140, width / 3);
    const size = { width: across - 12, height: 50 };
    const at = (node) => [(width - 3 * across) / 2 + (node.column + 0.5) * across, 26 + node.row * 86];
    const active = made < nodes.length ? nodes[made - 1] : nodes[nodes.length - done];
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const node of nodes) {
      node.sources.forEach((source, k) => edge(context, node, source, k, at, size, colors, node === active));
    }
    nodes.forEach((node, k) => {
      const [x, y] = at(node);
      context.beginPath();
      context.roundRect(x - size.width / 2, y - size.height / 2, size.width, size.height, 7);
      context.fillStyle = colors.sheet;
      context.fill();
      context.lineWidth = node === active ? 2.5 : 1;
      context.strokeStyle = node === active ? (made < nodes.length ? colors.key : colors.mark) : colors.soft;
      context.stroke();
      label(context, `${node.name} = `, k < made ? n(node.value) : "?", x, y - 10, colors.ink, colors.key);
      const known = node.gradient !== 0 || (made === nodes.length && nodes.length - 1 - k < done);
      if (known) label(context, `d${node.name} = `, n(node.gradient), x, y + 11, colors.ink, colors.mark);
    });
  }

  function label(context, name, value, x, y, ink, color) {
    const left = x - context.measureText(name + value).width / 2;
    context.textAlign = "left";
    context.fillStyle = ink;
    context.fillText(name, left, y);
    context.fillStyle = color;
    context.fillText(value, left + context.measureText(name).width, y);
    context.textAlign = "center";
  }

  function edge(context, node, source, k, at, size, colors, active) {
    const [x, y] = at(node);
    const [left, top] = at(source);
    const bend = node.sources.filter((other) => other === source).length > 1 ? (k - 0.5) * 60 : 0;
    const [start, end, middle] = [top + size.height / 2, y - size.height / 2, (left + x) / 2];
    context.strokeStyle = active ? (made < nodes.length ? colors.key : colors.mark) : colors.soft;
    context.lineWidth = active ? 2.5 : 1;
    context.beginPath();
    context.moveTo(left, start);
    context.quadraticCurveTo(middle + bend, (start + end) / 2, x, end);
    context.stroke();
    if (nodes.indexOf(node) >= made) return;
    context.fillStyle = colors.soft;
    context.fillText(n(node.derivatives[k]), middle + (bend ? 0.9 * bend : left > x ? 20 : -20), (start + end) / 2);
  }
});

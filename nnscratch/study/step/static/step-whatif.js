// What if a weight were another? The forward pass, done again from its layer on, in float64.
"use strict";

const SUBSTITUTES = { // of layers that are no sums: out from x, a unit's row of inputs, and the layer
  MaxPool2D: (x, row) => row.reduce((most, i) => Math.max(most, x[i]), -Infinity),
  ReLU: (x, [i]) => Math.max(x[i], 0),
  LeakyReLU: (x, [i], { constants: { slope } }) => (x[i] > 0 ? x[i] : slope * x[i]),
  Tanh: (x, [i]) => Math.tanh(x[i]),
  Sigmoid: (x, [i]) => 1 / (1 + Math.exp(-x[i])),
  Softmax: (x, row, layer, unit) => 1 / row.reduce((sum, i) => sum + Math.exp(x[i] - x[row[unit]]), 0),
};
const rowsOf = new Map(); // the links of each layer, taken out of their tables when they are first wanted

// Each unit's inputs and, of a layer that is a sum, their factors.
function rows(k) {
  if (!rowsOf.has(k)) {
    const { links: table, factors, weights, name } = layers[k];
    rowsOf.set(k, Array.from(table.which.values, (_, number) => {
      const inputs = rowOf(table, number), own = factors?.values.subarray(starts[k][number], starts[k][number] + inputs.length);
      const [parameter, which] = Object.entries(weights)[0] ?? [];
      return [inputs, own ?? Float64Array.from(rowOf(which, number), (i) => parameters[`${name}.${parameter}`].values[i])];
    }));
  }
  return rowsOf.get(k);
}

// Why the loss cannot be worked out here for another value of a parameter of layer k, or nothing.
function obstacle(k, path, at) {
  const blind = layers.slice(k).find((layer) => !layer.links || (layer.own ? !layer.linear : !(layer.linear || SUBSTITUTES[layer.type])));
  if (blind) return `${blind.name} is a layer of one's own, whose forward pass is not on this page.`;
  if (layers[k].own && !addsUp(gradientOf(path, at), touched(k, path, at))) return `${layers[k].name} is no sum of its parameters.`;
  return "";
}

const touched = (k, path, at) => [...linksOfWeight(k, path.split(".")[1], at)].map(([unit, factor]) => ({ unit, value: read(douts[k + 1], unit), factor }));

// Returns a function: the loss with `change` added to one number of a parameter. Layers are sums of their parameters,
// so that the units of its own layer move by change times what it is multiplied by in them; those behind follow.
function lossAfter(path, at) {
  const k = names.indexOf(path.split(".")[0]) - 1, shape = outputs[k + 1].shape, moved = touched(k, path, at);
  return (change) => {
    let x = Float64Array.from(outputs[k + 1].values);
    for (const { unit, factor } of moved) x[flat(unit, shape)] += change * factor;
    for (let next = k + 1; next < layers.length; next++) x = passed(next, x);
    const z = x[data.label]; // log of the sum of exp(z - z[label]): 0, and what the others add
    const others = x.reduce((sum, value, i) => (i === data.label ? sum : sum + Math.exp(value - z)), 0);
    return Number.isFinite(others) ? Math.log1p(others) : Math.max(...x) - z;
  };
}

function passed(k, x) {
  const layer = layers[k], before = outputs[k].values, after = outputs[k + 1].values, substitute = SUBSTITUTES[layer.type];
  if (substitute && !layer.own) return Float64Array.from(rows(k), ([inputs], unit) => substitute(x, inputs, layer, unit));
  const change = x.map((value, i) => value - before[i]);
  return Float64Array.from(rows(k), ([inputs, factors], unit) =>
    inputs.reduce((sum, i, place) => sum + (change[i] ? factors[place] * change[i] : 0), after[unit]));
}

// ---- the part of the panel

const RANGES = [1, 0.1, 0.01, 0.001];
const POINTS = 24; // of the curve, on each side

function whatIf(path, at) {
  const k = names.indexOf(path.split(".")[0]) - 1, gradient = gradientOf(path, at), why = obstacle(k, path, at);
  const title = element("h3", {}, "What if it were another?");
  if (why) return [title, element("p", {}, why)];
  const loss = lossAfter(path, at), start = loss(0), name = shownName(path, at);
  const slider = element("input", { type: "range", min: -100, max: 100, value: 50, "aria-label": `change of ${name}` });
  const range = element("select", { "aria-label": "largest change" }, ...RANGES.map((most) => element("option", { value: most }, `± ${most}`)));
  const plot = document.createElementNS("http://www.w3.org/2000/svg", "svg"), told = element("div", {});
  let heightOf;
  const show = () => {
    const change = Number(range.value) * slider.value / 100;
    told.replaceChildren(changes(name, change, loss, start, gradient));
    plot.lastChild.setAttribute("cx", 150 + 1.4 * slider.value);
    plot.lastChild.setAttribute("cy", heightOf(loss(change)));
  };
  const redraw = () => {
    heightOf = draw(plot, Number(range.value), loss, start, gradient);
    show();
  };
  slider.addEventListener("input", show);
  range.addEventListener("change", redraw);
  range.value = String(telltale(loss, start, gradient));
  const box = element("details", { class: "whatif", open: "" }, element("summary", {}, "Move it, and see the loss"),
    element("div", { class: "row" }, slider, range), plot, told);
  redraw();
  return [title, box];
}

// The range to begin with: the largest in which the tangent still tells most of the change.
const telltale = (loss, start, gradient) =>
  RANGES.find((most) => Math.abs(loss(most / 2) - start - gradient * most / 2) <= 0.3 * Math.abs(gradient * most / 2)) ?? RANGES.at(-1);

function changes(name, change, loss, start, gradient) {
  const there = loss(change), remainder = there - start - gradient * change;
  const rows = [
    [`change of ${name}`, formatNumber(change)], ["loss as it is", formatNumber(start)], ["loss with the change", formatNumber(there)],
    ["change of the loss", formatNumber(there - start)], ["gradient × change", formatNumber(gradient * change)],
    ["remainder", formatNumber(remainder)],
  ];
  if (change) rows.push(["remainder / change²", formatNumber(remainder / change ** 2)],
    ["gradient, by backpropagation", formatNumber(gradient)],
    ["gradient, measured from both sides", formatNumber((there - loss(-change)) / (2 * change))]);
  return table(["what if", "value"], rows);
}

// Draws the loss over the change, and the line of the gradient; returns how high a loss stands.
function draw(plot, most, loss, start, gradient) {
  const changes = Array.from({ length: 2 * POINTS + 1 }, (_, i) => most * (i - POINTS) / POINTS), losses = changes.map(loss);
  const spread = Math.max(...losses.map((value) => Math.abs(value - start)), Math.abs(gradient * most)) || 1;
  const x = (change) => 150 + 140 * change / most, y = (value) => 60 - 50 * (value - start) / spread;
  const path = changes.map((change, i) => `${i ? "L" : "M"}${x(change).toFixed(1)} ${y(losses[i]).toFixed(1)}`).join("");
  plot.setAttribute("viewBox", "0 0 300 120");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", "the loss over the change of the weight, and the straight line of its gradient");
  plot.innerHTML = `<path class="axis" d="M10 60H290M150 6V114"/><path class="tangent" d="M10 ${y(start - gradient * most)}L290 ${y(start + gradient * most)}"/><path class="curve" d="${path}"/><circle r="4"/>`;
  return y;
}

// The panel: the arithmetic of the unit or weight that was clicked, forward and backward, and its update.
"use strict";

const MOST = 12; // products shown at first
const panel = document.getElementById("panel");
const names = ["input", ...layers.map((layer) => layer.name)];

const formatNumber = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(6))));

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function table(header, rows) {
  const head = element("tr", {}, ...header.map((cell) => element("th", { scope: "col" }, cell)));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell))));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": header.join(", ") },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

// A sum of products: its total in one line, then the products, the largest first.
function sumOf(name, total, bias, terms, label) {
  const sum = terms.reduce((all, term) => all + term.value * term.factor, 0);
  const parts = bias === null ? "" : `${formatNumber(bias)} + ${formatNumber(sum)} = `;
  const line = element("p", { class: "formula", "data-total": total }, `${name} = ${parts}${formatNumber(total)}`);
  const sorted = [...terms].sort((a, b) => Math.abs(b.value * b.factor) - Math.abs(a.value * a.factor));
  const box = element("div", { class: "terms" });
  const show = (count) => {
    const rows = sorted.slice(0, count).map((term) =>
      [term.name, formatNumber(term.value), term.what, formatNumber(term.factor), formatNumber(term.value * term.factor)]);
    const rest = sorted.slice(count);
    if (rest.length) {
      const others = rest.reduce((all, term) => all + term.value * term.factor, 0);
      rows.push([`${rest.length} others`, "", "", "", formatNumber(others)]);
    }
    box.replaceChildren(table(label, rows));
    if (rest.length) box.append(element("button", { type: "button", onclick: () => show(Infinity) }, `Show all ${terms.length}`));
  };
  show(MOST);
  return [line, box];
}

// ---- forward

const HEADER = ["value", "times", "value", "product"];
const formula = (total, text) => element("p", { class: "formula", "data-total": total }, text);

function forward(k, unit) {
  const layer = layers[k], name = `${layer.name}[${unit.join(", ")}]`, total = read(outputs[k + 1], unit), x = outputs[k];
  if (!layer.links) return [formula(total, `${name} = ${formatNumber(total)}`),
    element("p", {}, "This is a layer of one's own, too large for its derivatives to be on this page.")];
  const row = [...links(k, unit)], terms = row.map(([at, factor, what]) =>
    ({ name: `x[${at.join(", ")}]`, value: read(x, at), what, factor }));
  if (layer.number) {
    const inputs = terms.map((term) => formatNumber(term.value)).join(", ");
    const line = formula(total, `${name} = ${filled(k, unit, layer.number, { inputs, factor: terms[0].factor })} = ${formatNumber(total)}`);
    return layer.window ? [line, windowTable(k, row)] : [line];
  }
  const bias = read(layer.bias, unit);
  if (layer.linear && addsUp(total - bias, terms)) {
    const sum = sumOf(name, total, bias || null, terms, ["input", ...HEADER]);
    return parameters[`${layer.name}.W`]?.shape.length === 4 && !layer.own ? [sum[0], ...patches(k, unit, row), sum[1]] : sum;
  }
  const rows = [...terms].sort((a, b) => Math.abs(b.factor) - Math.abs(a.factor)).slice(0, MOST)
    .map((term) => [term.name, formatNumber(term.value), term.what, formatNumber(term.factor)]);
  return [formula(total, `${name} = ${formatNumber(total)}`),
    element("p", {}, `No sum of its inputs: it depends on ${terms.length}, with these derivatives by the layer's own backward.`),
    table(["input", "value", "derivative", "value"], rows)];
}

function shade(value, top) {
  const share = Math.min(Math.abs(value) / (top || 1), 1);
  return `color-mix(in srgb, ${value < 0 ? "#3a86e6" : "#f08232"} ${Math.round(45 * share)}%, transparent)`;
}

// Small numbers in a grid, shaded; marked(i, j) gets an outline.
function grid(rows, caption, marked = () => false) {
  const top = Math.max(...rows.flat().map((value) => Math.abs(value ?? 0)));
  const lines = rows.map((row, i) => element("tr", {}, ...row.map((value, j) => {
    const cell = element("td", marked(i, j) ? { class: "won" } : {}, value === null ? "" : String(Number(value.toPrecision(2))));
    cell.style.background = value === null ? "" : shade(value, top);
    return cell;
  })));
  return element("figure", {}, element("table", { class: "grid" }, element("tbody", {}, ...lines)), element("figcaption", {}, caption));
}

function patches(k, unit, row) {
  const x = outputs[k], [KH, KW] = parameters[`${layers[k].name}.W`].shape.slice(2), found = [];
  const empty = () => Array.from({ length: KH }, () => Array(KW).fill(null));
  const channels = Array.from({ length: x.shape[0] }, () => ({ patch: empty(), kernel: empty(), product: empty(), sum: 0 }));
  for (const [at, factor, , [i, j]] of row) {
    const one = channels[at[0]], value = read(x, at);
    one.patch[i][j] = value; one.kernel[i][j] = factor; one.product[i][j] = value * factor; one.sum += value * factor;
  }
  channels.forEach((one, c) => found.push(element("div", { class: "patches" },
    grid(one.patch, `inputs of channel ${c}`), element("span", {}, "×"), grid(one.kernel, `kernel W[${unit[0]}, ${c}]`),
    element("span", {}, "="), grid(one.product, `products, sum ${formatNumber(one.sum)}`))));
  const box = element("details", channels.length === 1 ? { open: "" } : {},
    element("summary", {}, channels.length === 1 ? "Patch and kernel" : `Patches and kernels of ${channels.length} channels`), ...found);
  return [box];
}

function windowTable(k, row) {
  const [KH, KW] = layers[k].window, rows = Array.from({ length: KH }, () => Array(KW).fill(null));
  let largest = [0, 0];
  for (const [at, share, , offset] of row) {
    rows[offset[0]][offset[1]] = read(outputs[k], at);
    if (share === 1) largest = offset;
  }
  return grid(rows, "The window; what is outlined wins, and receives the whole gradient.", (i, j) => i === largest[0] && j === largest[1]);
}

// ---- backward

function backward(position, unit) {
  const name = `d${names[position]}[${unit.join(", ")}]`, total = read(douts[position], unit);
  if (position === layers.length) {
    const p = data.p[unit[0]], y = unit[0] === data.label ? 1 : 0;
    return [formula(total, `${name} = p[${unit[0]}] - y[${unit[0]}] = ${formatNumber(p)} - ${y} = ${formatNumber(total)}`)];
  }
  const dout = douts[position + 1], next = layers[position];
  if (!next.links) return [formula(total, `${name} = ${formatNumber(total)}`),
    element("p", {}, `It comes through ${next.name}, a layer of one's own.`)];
  const terms = [...linksBack(position, unit)].map(([at, factor, what]) =>
    ({ name: `d${next.name}[${at.join(", ")}]`, value: read(dout, at), what, factor }));
  if (!terms.length) return [formula(total, `${name} = 0`),
    element("p", {}, next.own ? `Nothing in ${next.name} depends on it here.` : `No window of ${next.name} holds it.`)];
  return sumOf(name, total, null, terms, ["gradient", ...HEADER]);
}

// ---- what is shown

function showUnit(position, unit) {
  const name = `${names[position]}[${unit.join(", ")}]`;
  document.getElementById("unit").value = name;
  const parts = [element("h2", {}, name),
    element("p", {}, `value ${formatNumber(read(outputs[position], unit))}, gradient of the loss with respect to it ${formatNumber(read(douts[position], unit))}`)];
  if (position > 0) parts.push(element("h3", {}, "Forward: where it comes from"), ...forward(position - 1, unit));
  parts.push(element("h3", {}, "Backward: what reaches it"), ...backward(position, unit));
  const layer = layers[position - 1];
  if (layer && layer.parameters.length) parts.push(element("h3", {}, "Its parameters"), element("div", { class: "row" },
    ...layer.parameters.map((parameter) => {
      const path = `${layer.name}.${parameter}`, at = largestOf(path, layer.own ? null : unit[0]);
      return element("button", { type: "button", onclick: () => showWeight(path, at) }, `${path}[${at.join(", ")}]`);
    })));
  put(parts);
  mark(position, unit);
}

// Where the gradient with respect to a parameter is largest: in a row, a filter or a channel, or in all of it.
function largestOf(path, first) {
  const shape = parameters[path].shape, size = sizeOf(shape);
  const width = first === null ? size : size / shape[0], start = (first ?? 0) * width;
  let best = start, most = -1;
  for (let i = start; i < start + width; i++) {
    const value = Math.abs(gradientOf(path, unflat(i, shape)));
    if (value > most) [most, best] = [value, i];
  }
  return unflat(best, shape);
}

function gradientOf(path, at) {
  if (gradients[path]) return read(gradients[path], at);
  const k = names.indexOf(path.split(".")[0]) - 1; // of a dense layer: one image's dW is dout times x
  return read(douts[k + 1], [at[0]]) * read(outputs[k], [at[1]]);
}

function addsUp(total, terms) {
  const products = terms.map((term) => term.value * term.factor), sum = (values) => values.reduce((all, value) => all + value, 0);
  return Math.abs(sum(products) - total) <= 1e-9 * (sum(products.map(Math.abs)) + Math.abs(total));
}

function showWeight(path, at) {
  const [layerName, parameter] = path.split("."), k = names.indexOf(layerName) - 1, name = `${path}[${at.join(", ")}]`;
  const total = gradientOf(path, at);
  document.getElementById("unit").value = name;
  const parts = [element("h2", {}, name)];
  const terms = !layers[k].links ? [] : [...linksOfWeight(k, parameter, at)].map(([unit, factor, what]) =>
    ({ name: `d${layerName}[${unit.join(", ")}]`, value: read(douts[k + 1], unit), what, factor }));
  if (addsUp(total, terms)) parts.push(element("h3", {}, "Its gradient: which inputs changed it, through which units"),
    ...sumOf(`d${name}`, total, null, terms, ["gradient", ...HEADER]));
  else parts.push(formula(total, `d${name} = ${formatNumber(total)}`),
    element("p", {}, "A parameter of a layer of one's own, as no factor of a single input: this is from its own backward."));
  parts.push(element("h3", {}, `Its update by ${data.optimizer}`), table(["number", "value", "how"], updateRows(path, at, total)));
  put(parts);
  mark(path, at);
}

// A number of an array of which only the rows and columns are here that are not all 0.
function fromNonzero({ rows, columns, numbers }, number) {
  const width = columns.shape[0], row = rows.values[Math.floor(number / width)], column = columns.values[number % width];
  return row < 0 || column < 0 ? 0 : read(numbers, [row, column]);
}

// The lines that study/step/update.py has: arrays, or a factor times a power of what stands in an earlier line.
function updateRows(path, at, gradient) {
  const values = [], number = flat(at, parameters[path].shape);
  let theta = read(parameters[path], at);
  return updates[path].map(([symbol, how, given]) => {
    let value;
    if (given === "theta") value = theta;
    else if (given === "g") value = gradient;
    else if (given === "new theta") value = theta - values.at(-1);
    else value = Array.isArray(given) ? given[1] * values[given[0]] ** given[2] : fromNonzero(given, number);
    if (symbol === "theta") theta = value;
    values.push(value);
    return [symbol, formatNumber(value), how];
  });
}

function put(parts) {
  panel.replaceChildren(...parts);
  panel.scrollTop = 0;
  document.body.classList.add("chosen");
}

// ---- pictures

function placeIn(image, event) {
  const box = image.getBoundingClientRect(), [rows, columns] = JSON.parse(image.dataset.grid);
  const row = Math.floor((event.clientY - box.top) / box.height * rows), column = Math.floor((event.clientX - box.left) / box.width * columns);
  return [Math.min(Math.max(row, 0), rows - 1), Math.min(Math.max(column, 0), columns - 1)];
}

function indexOf(image, [row, column]) {
  const prefix = JSON.parse(image.dataset.prefix), [, columns] = JSON.parse(image.dataset.grid);
  if (!image.dataset.vector) return [...prefix, row, column];
  const number = row * columns + column;
  return number < Number(image.dataset.vector) ? [number] : null;
}

function choose(image, place) {
  const index = indexOf(image, place);
  if (index === null) return;
  const name = image.dataset.name;
  if (name.includes(".")) showWeight(name, index);
  else showUnit(names.indexOf(name), index);
}

function mark(name, index) {
  document.querySelectorAll(".mark").forEach((old) => old.remove());
  const wanted = typeof name === "number" ? names[name] : name;
  for (const image of document.querySelectorAll(`img[data-name="${CSS.escape(wanted)}"]`)) {
    const prefix = JSON.parse(image.dataset.prefix), [rows, columns] = JSON.parse(image.dataset.grid);
    if (!prefix.every((value, axis) => value === index[axis])) continue;
    const [row, column] = image.dataset.vector ? [Math.floor(index[0] / columns), index[0] % columns] : index.slice(-2);
    const spot = element("span", { class: "mark" });
    Object.assign(spot.style, { left: `${100 * column / columns}%`, top: `${100 * row / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` });
    image.parentElement.append(spot);
  }
}

for (const image of document.querySelectorAll("img[data-name]")) {
  image.addEventListener("click", (event) => choose(image, placeIn(image, event)));
}

document.getElementById("which").addEventListener("submit", (event) => {
  event.preventDefault();
  const [, name, given] = /^\s*([\w.]+)\s*\[([\d,\s]*)\]\s*$/.exec(document.getElementById("unit").value) ?? [];
  const index = (given ?? "").split(",").map(Number), array = parameters[name] ?? outputs[names.indexOf(name)];
  const note = document.getElementById("note");
  if (!array) note.textContent = `Write a layer or a parameter and its index, such as ${data.example}. There are ${[...names, ...Object.keys(parameters)].join(", ")}.`;
  else if (index.length !== array.shape.length || !inside(index, array.shape)) note.textContent = `${name} has the shape (${array.shape.join(", ")}).`;
  else {
    note.textContent = "";
    if (parameters[name]) showWeight(name, index);
    else showUnit(names.indexOf(name), index);
  }
});

const [first, at] = data.first;
showUnit(names.indexOf(first), at);
document.body.classList.remove("chosen");

// The panel: the arithmetic of the unit or weight that was clicked, forward and backward, and its update.
"use strict";

const MOST = 12; // products shown at first
const panel = document.getElementById("panel");
const names = ["input", ...data.layers.map((layer) => layer.name)];

const shown = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(6))));

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
  const parts = bias === null ? "" : `${shown(bias)} + ${shown(sum)} = `;
  const line = element("p", { class: "formula", "data-total": total }, `${name} = ${parts}${shown(total)}`);
  const sorted = [...terms].sort((a, b) => Math.abs(b.value * b.factor) - Math.abs(a.value * a.factor));
  const box = element("div", { class: "terms" });
  const show = (count) => {
    const rows = sorted.slice(0, count).map((term) =>
      [term.name, shown(term.value), term.what, shown(term.factor), shown(term.value * term.factor)]);
    const rest = sorted.slice(count);
    if (rest.length) {
      const others = rest.reduce((all, term) => all + term.value * term.factor, 0);
      rows.push([`${rest.length} others`, "", "", "", shown(others)]);
    }
    box.replaceChildren(table(label, rows));
    if (rest.length) box.append(element("button", { type: "button", onclick: () => show(Infinity) }, `Show all ${terms.length}`));
  };
  show(MOST);
  return [line, box];
}

// ---- forward

function forward(k, unit) {
  const layer = data.layers[k], name = `${layer.name}[${unit.join(", ")}]`, total = read(outputs[k + 1], unit);
  const x = outputs[k];
  if (layer.kind === "number") return [element("p", { class: "formula", "data-total": total }, functionLine(k, unit, name, total))];
  if (layer.kind === "max") return [
    element("p", { class: "formula", "data-total": total },
      `${name} = max(${[...links(k, unit)].map(([at]) => shown(read(x, at))).join(", ")}) = ${shown(total)}`),
    windowTable(k, unit)];
  if (layer.kind === "other" || layer.kind === "softmax") return [
    element("p", { class: "formula", "data-total": total }, `${name} = ${shown(total)}`),
    element("p", {}, layer.kind === "softmax" ? "exp of this input over the sum of all: see the formula."
      : "This is a layer of one's own, too large for its derivatives to be on this page.")];
  const terms = [...links(k, unit)].map(([at, factor, what]) =>
    ({ name: `x[${at.join(", ")}]`, value: read(x, at), what, factor }));
  if (layer.kind === "own") return forwardOfOwn(k, unit, name, total, terms);
  const b = parameters[`${layer.name}.b`];
  const sum = sumOf(name, total, b ? read(b, [unit[0]]) : null, terms, ["input", "value", "times", "value", "product"]);
  return layer.kind === "conv" ? [sum[0], ...patches(k, unit), sum[1]] : sum;
}

// A layer of one's own: a sum where its derivatives times its inputs make what it returned, else the derivatives alone.
function forwardOfOwn(k, unit, name, total, terms) {
  const layer = data.layers[k], number = flat(unit, outputs[k + 1].shape), bias = decodedOnce(layer, "bias").values[number];
  if (decodedOnce(layer, "sums").values[number]) return sumOf(name, total, bias || null, terms, ["input", "value", "times", "value", "product"]);
  const rows = [...terms].sort((a, b) => Math.abs(b.factor) - Math.abs(a.factor)).slice(0, MOST)
    .map((term) => [term.name, shown(term.value), term.what, shown(term.factor)]);
  return [element("p", { class: "formula", "data-total": total }, `${name} = ${shown(total)}`),
    element("p", {}, `No sum of its inputs: it depends on ${terms.length}, with these derivatives by the layer's own backward.`),
    table(["input", "value", "derivative", "value"], rows)];
}

function functionLine(k, unit, name, total) {
  const layer = data.layers[k], x = shown(read(outputs[k], unit)), out = shown(total);
  const c = [unit[0]];
  switch (layer.does) {
    case "ReLU": return `${name} = max(${x}, 0) = ${out}`;
    case "LeakyReLU": return `${name} = ${Number(x) > 0 ? x : `${layer.slope} * ${x}`} = ${out}`;
    case "Tanh": return `${name} = tanh(${x}) = ${out}`;
    case "Sigmoid": return `${name} = 1 / (1 + exp(-(${x}))) = ${out}`;
    case "BatchNorm": {
      const value = (key) => shown(read(parameters[`${layer.name}.${key}`], c));
      const [mean, variance] = ["mean", "var"].map((key) => shown(read(decodedOnce(layer, key), c)));
      return `${name} = ${value("gamma")} * (${x} - ${mean}) / sqrt(${variance} + ${layer.eps}) + ${value("beta")} = ${out}`;
    }
    default: return `${name} = ${shown(read(extras[k], unit))} * ${x} = ${out}`;
  }
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

function patches(k, unit) {
  const layer = data.layers[k], x = outputs[k], [KH, KW] = layer.window, found = [];
  const empty = () => Array.from({ length: KH }, () => Array(KW).fill(null));
  const channels = Array.from({ length: x.shape[0] }, () => ({ patch: empty(), kernel: empty(), product: empty(), sum: 0 }));
  for (const [at, factor, , [i, j]] of links(k, unit)) {
    const one = channels[at[0]], value = read(x, at);
    one.patch[i][j] = value; one.kernel[i][j] = factor; one.product[i][j] = value * factor; one.sum += value * factor;
  }
  channels.forEach((one, c) => found.push(element("div", { class: "patches" },
    grid(one.patch, `inputs of channel ${c}`), element("span", {}, "×"), grid(one.kernel, `kernel W[${unit[0]}, ${c}]`),
    element("span", {}, "="), grid(one.product, `products, sum ${shown(one.sum)}`))));
  const box = element("details", channels.length === 1 ? { open: "" } : {},
    element("summary", {}, channels.length === 1 ? "Patch and kernel" : `Patches and kernels of ${channels.length} channels`), ...found);
  return [box];
}

function windowTable(k, unit) {
  const layer = data.layers[k], rows = Array.from({ length: layer.window[0] }, () => Array(layer.window[1]).fill(null));
  let winner = [0, 0];
  for (const [at, share, , offset] of links(k, unit)) {
    rows[offset[0]][offset[1]] = read(outputs[k], at);
    if (share === 1) winner = offset;
  }
  return grid(rows, "The window; what is outlined wins, and receives the whole gradient.", (i, j) => i === winner[0] && j === winner[1]);
}

// ---- backward

function backward(position, unit) {
  const name = `d${names[position]}[${unit.join(", ")}]`, total = read(douts[position], unit);
  if (position === data.layers.length) {
    const p = data.p[unit[0]], y = unit[0] === data.label ? 1 : 0;
    return [element("p", { class: "formula", "data-total": total }, `${name} = p[${unit[0]}] - y[${unit[0]}] = ${shown(p)} - ${y} = ${shown(total)}`)];
  }
  const dout = douts[position + 1], next = data.layers[position];
  if (next.kind === "other") return [element("p", { class: "formula", "data-total": total }, `${name} = ${shown(total)}`),
    element("p", {}, `It comes through ${next.name}, a layer of one's own.`)];
  const terms = [...linksBack(position, unit)].map(([at, factor, what]) =>
    ({ name: `d${next.name}[${at.join(", ")}]`, value: read(dout, at), what, factor }));
  if (!terms.length) return [element("p", { class: "formula", "data-total": total }, `${name} = 0`),
    element("p", {}, next.kind === "own" ? `Nothing in ${next.name} depends on it here.` : `No window of ${next.name} holds it.`)];
  return sumOf(name, total, null, terms, ["gradient", "value", "times", "value", "product"]);
}

// ---- what is shown

function showUnit(position, unit) {
  const name = `${names[position]}[${unit.join(", ")}]`;
  document.getElementById("unit").value = name;
  const parts = [element("h2", {}, name),
    element("p", {}, `value ${shown(read(outputs[position], unit))}, gradient of the loss by it ${shown(read(douts[position], unit))}`)];
  if (position > 0) parts.push(element("h3", {}, "Forward: where it comes from"), ...forward(position - 1, unit));
  parts.push(element("h3", {}, "Backward: what reaches it"), ...backward(position, unit));
  const layer = data.layers[position - 1];
  if (layer && layer.parameters.length) parts.push(element("h3", {}, "Its parameters"), element("div", { class: "row" },
    ...layer.parameters.map((parameter) => {
      const path = `${layer.name}.${parameter}`, at = largestOf(path, isOfOwn(position - 1) ? null : unit[0]);
      return element("button", { type: "button", onclick: () => showWeight(path, at) }, `${path}[${at.join(", ")}]`);
    })));
  put(parts);
  mark(position, unit);
}

// Where the gradient by a parameter is largest: in a row, a filter or a channel, or in all of it.
function largestOf(path, first) {
  const shape = parameters[path].shape, size = shape.reduce((product, side) => product * side, 1);
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

const isOfOwn = (k) => ["own", "other"].includes(data.layers[k].kind);

function addsUp(total, terms) {
  const products = terms.map((term) => term.value * term.factor), sum = (values) => values.reduce((all, value) => all + value, 0);
  return Math.abs(sum(products) - total) <= 1e-9 * (sum(products.map(Math.abs)) + Math.abs(total));
}

function showWeight(path, at) {
  const [layerName, parameter] = path.split("."), k = names.indexOf(layerName) - 1;
  const total = gradientOf(path, at);
  document.getElementById("unit").value = `${path}[${at.join(", ")}]`;
  const parts = [element("h2", {}, `${path}[${at.join(", ")}]`)];
  const terms = data.layers[k].kind === "other" ? [] : [...linksOfWeight(k, parameter, at)].map(([unit, factor, what]) =>
    ({ name: `d${layerName}[${unit.join(", ")}]`, value: read(douts[k + 1], unit), what, factor }));
  if (isOfOwn(k) && !addsUp(total, terms)) parts.push(
    element("p", { class: "formula", "data-total": total }, `d${path}[${at.join(", ")}] = ${shown(total)}`),
    element("p", {}, "A parameter of a layer of one's own, as no factor of a single input: this is from its own backward."));
  else {
    parts.push(element("h3", {}, "Its gradient: which inputs changed it, through which units"),
      ...sumOf(`d${path}[${at.join(", ")}]`, total, null, terms, ["gradient", "value", "times", "value", "product"]));
  }
  parts.push(element("h3", {}, `Its update by ${data.optimizer.kind}`),
    table(["number", "value", "how"], update(path, at, total).map(([symbol, how, value]) => [symbol, shown(value), how])));
  put(parts);
  mark(path, at);
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
  const [, name, told] = /^\s*([\w.]+)\s*\[([\d,\s]*)\]\s*$/.exec(document.getElementById("unit").value) ?? [];
  const index = (told ?? "").split(",").map(Number), array = parameters[name] ?? outputs[names.indexOf(name)];
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

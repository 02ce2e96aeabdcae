// The panel: the arithmetic of the unit or weight that was clicked, forward and backward, and its update.
"use strict";

const MOST = 12; // products shown at first
const panel = document.getElementById("panel");

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

// Rows of cells; names of numbers in them are links.
function table(header, rows) {
  const head = element("tr", {}, ...header.map((cell) => element("th", { scope: "col" }, cell)));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, ...linked(first)), ...rest.map((cell) => element("td", {}, ...linked(cell)))));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": header.join(", ") },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

// A sum of products: its total in one line, then the products, the largest first.
function sumOf(name, total, bias, terms, label) {
  const sum = terms.reduce((all, term) => all + term.value * term.factor, 0);
  const parts = bias === null ? "" : `${formatNumber(bias)} + ${formatNumber(sum)} = `;
  const line = formula(total, `${name} = ${parts}${formatNumber(total)}`);
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
const formula = (total, text) => element("p", { class: "formula", "data-total": total }, ...linked(text));

function forward(k, unit) {
  const layer = layers[k], name = `${layer.name}[${unit.join(", ")}]`, total = read(outputs[k + 1], unit), x = outputs[k];
  if (!layer.links) return [formula(total, `${name} = ${formatNumber(total)}`),
    element("p", {}, "This is a layer of one's own, too large for its derivatives to be on this page.")];
  const row = [...links(k, unit)], terms = row.map(([at, factor, what]) =>
    ({ name: `${names[k]}[${at.join(", ")}]`, value: read(x, at), what, factor }));
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

// Small numbers in a grid, shaded; a cell is { value, name, at, won }, or null.
function grid(rows, caption) {
  const top = Math.max(...rows.flat().map((cell) => Math.abs(cell?.value ?? 0)));
  const lines = rows.map((row) => element("tr", {}, ...row.map((cell) => {
    if (!cell) return element("td");
    const made = element("td", cell.won ? { class: "won" } : {}, String(Number(cell.value.toPrecision(2))));
    if (cell.name) Object.assign(made.dataset, { number: keyOf(cell.name, cell.at), token: tokenOf(cell.name, state.layer) ?? "" });
    made.style.background = shade(cell.value, top);
    return made;
  })));
  return element("figure", {}, element("table", { class: "grid" }, element("tbody", {}, ...lines)), element("figcaption", {}, caption));
}

function patches(k, unit, row) {
  const x = outputs[k], W = `${layers[k].name}.W`, [KH, KW] = parameters[W].shape.slice(2);
  const empty = () => Array.from({ length: KH }, () => Array(KW).fill(null));
  const channels = Array.from({ length: x.shape[0] }, () => ({ patch: empty(), kernel: empty(), product: empty(), sum: 0 }));
  for (const [at, factor, , [i, j]] of row) {
    const one = channels[at[0]], value = read(x, at);
    one.patch[i][j] = { value, name: names[k], at };
    one.kernel[i][j] = { value: factor, name: W, at: [unit[0], at[0], i, j] };
    one.product[i][j] = { value: value * factor };
    one.sum += value * factor;
  }
  const found = channels.map((one, c) => element("div", { class: "patches" },
    grid(one.patch, `x, channel ${c}`), element("span", {}, "×"), grid(one.kernel, `W[${unit[0]}, ${c}]`),
    element("span", {}, "="), grid(one.product, `products, sum ${formatNumber(one.sum)}`)));
  return [element("details", channels.length === 1 ? { open: "" } : {},
    element("summary", {}, channels.length === 1 ? "Patch and kernel" : `Patches and kernels of ${channels.length} channels`), ...found)];
}

function windowTable(k, row) {
  const [KH, KW] = layers[k].window, rows = Array.from({ length: KH }, () => Array(KW).fill(null));
  const won = row.find(([, share]) => share === 1) ?? row[0];
  for (const one of row) {
    const [at, , , [i, j]] = one;
    rows[i][j] = { value: read(outputs[k], at), name: names[k], at, won: one === won };
  }
  return grid(rows, "The window; what is outlined wins, and receives the whole gradient.");
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

function showNumber(name, at) {
  const { kind, of } = known.get(name), position = names.indexOf(of);
  const parts = kind === "output" || kind === "dout" ? unitParts(position, at, kind)
    : kind === "loss" ? lossParts(name, at)
    : kind === "xhat" ? [formula(valueOf(name, at), `${shownName(name, at)} = ${filled(position - 1, at, "({x} - {mean}) / sqrt({var} + {eps})", {})} = ${formatNumber(valueOf(name, at))}`)]
    : weightParts(of, at);
  panel.replaceChildren(element("h2", {}, nameLink(name, at)), ...parts);
  panel.parentElement.scrollTop = 0;
  document.querySelectorAll(".mark").forEach((old) => old.remove());
  outline(name, at, "mark");
  if (kind === "output" && position > 0 && state.phase === "forward" && state.layer === of) {
    for (const [first, size] of windowsOf(position, at)) outline(names[position - 1], first, "mark window", size);
    const W = parameters[`${of}.W`]?.shape ?? [];
    if (W.length === 4 && !layerOf(of).own) for (let c = 0; c < W[1]; c++) outline(`${of}.W`, [at[0], c, 0, 0], "mark window", W.slice(2));
  }
}

function valueOf(name, at) {
  const { kind, of } = known.get(name), position = names.indexOf(of);
  if (kind === "output") return read(outputs[position], at);
  if (kind === "dout") return read(douts[position], at);
  if (kind === "parameter") return read(parameters[of], at);
  if (kind === "gradient") return gradientOf(of, at);
  if (kind === "xhat") {
    const { mean, var: variance, eps } = layerOf(of).constants;
    return (read(outputs[position - 1], at) - mean.values[at[0]]) / Math.sqrt(variance.values[at[0]] + eps);
  }
  return { loss: data.loss[0], S: outputs.at(-1).values.reduce((sum, z) => sum + Math.exp(z), 0) }[name] ??
    (name === "p" ? data.p[at[0]] : at[0] === data.label ? 1 : 0);
}

function unitParts(position, unit, kind) {
  const name = shownName(names[position], unit);
  const parts = [element("p", {}, ...linked(`${name} is ${formatNumber(read(outputs[position], unit))}, and d${name}, the gradient of the loss with respect to it, ${formatNumber(read(douts[position], unit))}.`))];
  const from = position > 0 ? [element("h3", {}, "Forward: where it comes from"), ...forward(position - 1, unit)] : [];
  const back = [element("h3", {}, "Backward: what reaches it"), ...backward(position, unit)];
  parts.push(...(kind === "dout" ? [...back, ...from] : [...from, ...back]));
  const layer = layers[position - 1];
  if (layer?.parameters.length) parts.push(element("h3", {}, "Its parameters"), element("div", { class: "row" },
    ...layer.parameters.map((parameter) => nameLink(`${layer.name}.${parameter}`, largestOf(`${layer.name}.${parameter}`, layer.own ? null : unit[0])))));
  return parts;
}

function lossParts(name, at) {
  const z = outputs.at(-1).values, top = Math.max(...z), total = z.reduce((sum, value) => sum + Math.exp(value - top), 0);
  const value = formatNumber(valueOf(name, at)), score = `${last}[${at[0]}]`, right = data.label;
  if (name === "y") return [formula(valueOf(name, at), `y[${at[0]}] = ${value}`), element("p", {}, `The label is ${data.classes[right]}.`)];
  if (name === "p") return [formula(valueOf(name, at), `p[${at[0]}] = exp(${score} - max) / (sum of exp) = exp(${formatNumber(z[at[0]])} - ${formatNumber(top)}) / ${formatNumber(total)} = ${value}`)];
  if (name === "S") return [element("p", { class: "formula" }, `log S = max + log(sum of exp(z - max)) = ${formatNumber(top)} + ${formatNumber(Math.log(total))}`)];
  return [formula(data.loss[0], `loss = -log p[${right}] = -log ${formatNumber(data.p[right])} = ${value}`),
    element("p", {}, `After the step it is ${formatNumber(data.loss[1])}. Each score pulls by p - y:`),
    table(["score", "p", "y", "gradient"], [...z.keys()].sort((a, b) => data.p[b] - data.p[a]).slice(0, MOST).map((k) =>
      [`${last}[${k}]`, formatNumber(data.p[k]), k === right ? "1" : "0", formatNumber(douts.at(-1).values[k])]))];
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

function weightParts(path, at) {
  const [layerName, parameter] = path.split("."), k = names.indexOf(layerName) - 1, name = shownName(path, at);
  const total = gradientOf(path, at), parts = []; // the gradient
  const terms = !layers[k].links ? [] : [...linksOfWeight(k, parameter, at)].map(([unit, factor, what]) =>
    ({ name: `d${layerName}[${unit.join(", ")}]`, value: read(douts[k + 1], unit), what, factor }));
  if (addsUp(total, terms)) parts.push(element("h3", {}, "Its gradient: which inputs changed it, through which units"),
    ...sumOf(`d${name}`, total, null, terms, ["gradient", ...HEADER]));
  else parts.push(formula(total, `d${name} = ${formatNumber(total)}`),
    element("p", {}, "A parameter of a layer of one's own, as no factor of a single input: this is from its own backward."));
  const rows = table(["number", "value", "how"], updateRows(path, at, total));
  rows.classList.add("update");
  markSymbols(rows.querySelector("table"), path, at);
  const update = [element("h3", {}, `Its update by ${data.optimizer}`), rows], middle = whatIf(path, at);
  return state.phase === "update" ? [...update, ...middle, ...parts] : [...parts, ...middle, ...update];
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
    return [symbol, formatNumber(value), how.replace(`d${path},`, `d${shownName(path, at)},`)];
  });
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

// [name, index] of the number at a place of a picture; null behind a vector's end.
function numberIn(image, place) {
  const index = indexOf(image, place);
  return index && [`${image.dataset.gradient ? "d" : ""}${image.dataset.name}`, index];
}

// The windows of a unit in its layer's input, one for each channel that it sees: [first index, [rows, columns]].
function windowsOf(position, unit) {
  const layer = layers[position - 1];
  if (!layer?.links || outputs[position].shape.length !== 3 || outputs[position - 1].shape.length !== 3) return [];
  const seen = new Map();
  for (const [[c, h, w]] of links(position - 1, unit)) {
    const box = seen.get(c) ?? [h, w, h, w];
    seen.set(c, [Math.min(box[0], h), Math.min(box[1], w), Math.max(box[2], h), Math.max(box[3], w)]);
  }
  return [...seen].map(([c, [top, left, bottom, right]]) => [[c, top, left], [bottom - top + 1, right - left + 1]]);
}

// Outlines a number, or a window that begins there, in the pictures of the current card.
function outline(name, index, kind, [height, width] = [1, 1]) {
  const { of } = known.get(name);
  for (const image of stageOf(state.phase, state.layer).querySelectorAll(`img[data-name="${CSS.escape(of)}"]`)) {
    const prefix = JSON.parse(image.dataset.prefix), [rows, columns] = JSON.parse(image.dataset.grid);
    if (!prefix.every((value, axis) => value === index[axis])) continue;
    const [row, column] = image.dataset.vector ? [Math.floor(index[0] / columns), index[0] % columns] : index.slice(-2);
    const spot = element("span", { class: kind });
    Object.assign(spot.style, { left: `${100 * column / columns}%`, top: `${100 * row / rows}%`, width: `${100 * width / columns}%`, height: `${100 * height / rows}%` });
    image.parentElement.append(spot);
  }
}

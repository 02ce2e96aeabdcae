// What belongs together lights up together: the letters of a formula, the lines of code, pixels, cells and numbers.
"use strict";

const CODE = { cols: "x", dcols: "dx", pixels: "dx", log_p: "p", loss: "L" }; // what the code calls them besides
const NAME = /\b[a-z]\w*(?:\.\w+)?(?:\[\d+(?:, ?\d+)*\])?/g;
const keyOf = (name, at) => `${name}[${at.join(",")}]`;

// A name as a link to its state, with its indices as the formula's letters.
function nameLink(name, at, layer = state.layer) {
  const [phase, to] = home(name, known.get(name).of.split(".")[0] === state.layer ? state.phase : undefined);
  const token = tokenOf(name, layer), letters = layerOf(layer)?.indices[token] ?? [];
  const made = element("a", { class: "name", href: address({ name, at, phase, layer: to }), "data-number": keyOf(name, at) });
  if (token) made.dataset.token = token;
  if (!at.length) made.append(name);
  else if (letters.length !== at.length) made.append(shownName(name, at));
  else made.append(`${name}[`, ...at.flatMap((i, axis) => [axis ? ", " : "", element("span", { "data-token": letters[axis] }, String(i))]), "]");
  return made;
}

// Text in which every name of a number is such a link.
function linked(text, layer = state.layer) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(NAME)) {
    const found = match[0].endsWith("]") || known.has(match[0]) ? resolved(match[0], layer) : { error: "a word" };
    if (found.error) continue;
    const link = nameLink(found.name, found.at, layer);
    if (!match[0].endsWith("]")) link.replaceChildren(match[0]);
    parts.push(text.slice(end, match.index), link);
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

// ---- what a card was written with becomes letters and links

function prepare(card) {
  const { layer } = card.dataset, own = words.get(layer);
  for (const box of card.querySelectorAll("[data-copy]")) copyPictures(box);
  for (const letter of card.querySelectorAll("math [data-token]")) letter.classList.toggle("letter", letter.dataset.token in own);
  const tokens = new Set([...Object.keys(own), ...["theta", "g", "m", "v", "m_hat", "v_hat", "lr", "momentum"].filter(() => card.dataset.phase === "update")]);
  for (const pre of card.querySelectorAll("pre")) pre.replaceChildren(...pre.textContent.split("\n").map((line) => codeLine(line, tokens)));
  for (const text of card.querySelectorAll("p.formula, h3")) text.replaceChildren(...linked(text.textContent, layer));
  for (const title of card.querySelectorAll(".part[data-token] > h3")) linkTitle(title, own, card.dataset);
  if (layer === "loss") linkClasses(card.querySelector("table"));
  if (card.dataset.phase === "update") {
    card.querySelectorAll("table").forEach((made, i) => {
      const path = `${layer}.${layerOf(layer).parameters[i]}`;
      markSymbols(made, path, telling(path));
    });
  }
}

// The letter above pictures leads to what tells most of them; those in a formula cannot have the keyboard's focus.
function linkTitle(title, own, { phase, layer }) {
  const { token } = title.parentElement.dataset, name = own[token];
  const link = element("a", { class: "name", href: address({ name, at: telling(name), phase, layer }), "data-token": token }, token);
  title.replaceChildren(link, title.textContent.slice(token.length));
}

function copyPictures(box) {
  const layer = box.dataset.copy.split(".")[0];
  for (const image of stageOf("forward", layer).querySelectorAll(`img[data-name="${CSS.escape(box.dataset.copy)}"]:not([data-gradient])`)) {
    if (!image.closest("[data-copy]")) box.append(image.parentElement.cloneNode(true));
  }
}

function codeLine(line, tokens) {
  const [code, ...comment] = line.split(/(?=#)/), made = element("span", { class: "line" });
  for (const part of code.split(/(\b[A-Za-z_]\w*\b)/)) {
    const token = tokens.has(part) ? part : tokens.has(CODE[part]) ? CODE[part] : null;
    made.append(token ? element("span", { "data-token": token }, part) : part);
  }
  made.append(element("i", {}, comment.join("")), "\n");
  return made;
}

// The table of the loss has a row for each class.
function linkClasses(made) {
  const columns = { z: last, p: "p", y: "y", "p - y": `d${last}` };
  const heads = [...made.tHead.rows[0].cells].map((cell) => cell.textContent);
  for (const row of made.tBodies[0].rows) {
    const label = data.classes.indexOf(row.cells[0].textContent);
    if (label < 0) continue;
    heads.forEach((head, column) => {
      if (!columns[head]) return;
      const link = nameLink(columns[head], [label], "loss"), cell = row.cells[column];
      link.replaceChildren(cell.textContent);
      cell.replaceChildren(link);
    });
  }
}

// The symbols of an update are those of its code, and lead to it.
function markSymbols(made, path, at) {
  const href = address({ name: path, at, phase: "update", layer: path.split(".")[0] });
  for (const row of made.tBodies[0].rows) {
    const symbol = row.cells[0].textContent;
    row.dataset.token = symbol.split(" ").at(-1);
    row.cells[0].replaceChildren(element("a", { class: "name", href }, symbol));
  }
}

// ---- lighting

function unlight() {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit", "same");
  for (const spot of document.querySelectorAll(".hint")) spot.remove();
}

function light(tokens, number) {
  unlight();
  const places = [stageOf(state.phase, state.layer), panel];
  for (const place of places) {
    for (const token of tokens) for (const one of place.querySelectorAll(`[data-token~="${CSS.escape(token)}"]`)) one.classList.add("lit");
    if (!number) continue;
    for (const one of place.querySelectorAll(`[data-number="${CSS.escape(number)}"]`)) one.classList.add("lit", "same");
  }
  if (!number) return;
  const [, name, at] = /^(.*)\[(.*)\]$/.exec(number);
  if (at) outline(name, at.split(",").map(Number), "hint");
}

function lightFor(target) {
  const image = target.closest?.("img[data-name]"), place = image && target.place;
  if (image) {
    const token = image.closest("[data-token]")?.dataset.token, number = place && numberIn(image, place);
    return light(token ? [token] : [], number && keyOf(...number));
  }
  const one = target.closest?.("[data-token], [data-number]");
  if (!one || !one.closest(".stage, #panel") || one.matches(".part")) return unlight();
  return light(one.dataset.token?.split(" ") ?? [], one.closest("[data-number]")?.dataset.number);
}

for (const type of ["pointerover", "focusin"]) document.addEventListener(type, (event) => lightFor(event.target));
document.addEventListener("focusout", unlight);
document.addEventListener("pointermove", (event) => {
  const image = event.target.closest?.("img[data-name]");
  if (!image) return;
  const place = placeIn(image, event), number = numberIn(image, place), key = number && keyOf(...number);
  if (image.dataset.over === key) return;
  for (const old of document.querySelectorAll("img[data-over]")) delete old.dataset.over;
  if (!number) return unlight();
  image.dataset.over = key;
  image.title = `${shownName(...number)} = ${formatNumber(valueOf(...number))}`;
  light([image.closest("[data-token]")?.dataset.token ?? ""].filter(Boolean), key);
});

// A letter of a formula stands for an array: choosing it shows what tells most of that.
document.addEventListener("click", (event) => {
  const letter = event.target.closest?.(".letter");
  if (letter) go({ ...state, ...resolved(letter.dataset.token, state.layer) });
});

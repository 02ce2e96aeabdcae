// Which number a place of a picture is, and where in the pictures a number is.
"use strict";

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

// The chosen unit: a sentence, inputs × weights = products as pictures, and all of it as a table when asked for.

import { element } from '../dom.js';
import { css, ink, largest } from './colours.js';
import { short } from './describe.js';
import { topOf } from './flows.js';
import { nameOf } from './stages.js';

const SIDE = 320; // pixels of a picture's own
const FEW = 49; // numbers that are written into their places
const ROWS = 40; // of the table

// Makes the elements in a place; the returned function shows what describe() says of a unit: (view, s, told, isPinned).
export function inspector(place) {
  const name = element('h3', {});
  const text = element('p', { class: 'told' });
  const tiles = element('div', { class: 'tiles' });
  const scroll = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'The chosen unit in numbers' });
  const details = element('details', {}, element('summary', {}, 'In numbers'), scroll);
  place.append(name, text, tiles, details);
  let latest = null;

  function show(view, s, told, isPinned) {
    latest = [view, s, told, isPinned];
    name.textContent = sentenceCase(told.name) + (isPinned ? ', kept' : '');
    text.textContent = sentenceCase(told.text);
    tiles.replaceChildren(...pictures(view, told.parts));
    details.hidden = told.parts === null;
    if (details.open && told.parts) scroll.replaceChildren(table(view, s, told.parts));
  }

  details.addEventListener('toggle', () => { if (latest) show(...latest); });
  return show;
}

const sentenceCase = (text) => text[0].toUpperCase() + text.slice(1);

function pictures(view, parts) {
  if (!parts) return [];
  const { kind, inputs, weights, products, shape, won } = parts;
  const direction = view.back ? 'backward' : 'forward';
  const tile = (values, how, caption, mark) => element('figure', {}, picture(values, shape, how, caption, mark), element('figcaption', {}, caption));
  const sign = (text) => element('span', { class: 'sign', 'aria-hidden': 'true' }, text);
  if (!products) return [tile(inputs, direction, kind === 'alone' ? 'input' : 'its window', won)];
  return [
    tile(inputs, direction, view.back ? 'gradients' : 'inputs'), sign('×'),
    tile(weights, 'backward', 'weights'), sign('='),
    tile(products, 'backward', 'products'),
  ];
}

// Values in the form that they have in their layer, each map or unit with a gap around it; a few have their numbers.
function picture(values, [C, H, W], direction, caption, mark) {
  const columns = Math.ceil(Math.sqrt((C * H) / W));
  const rows = Math.ceil(C / columns);
  const apart = H * W > 1 && C > 1 ? 1 : 0; // units between maps
  const fitting = Math.min(SIDE / (columns * (W + apart) - apart), SIDE / (rows * (H + apart) - apart), SIDE / 4);
  const unit = Math.max(Math.floor(fitting), 1);
  const [width, height] = [(columns * (W + apart) - apart) * unit, (rows * (H + apart) - apart) * unit];
  const top = largest(values);
  const canvas = element('canvas', { width, height, role: 'img', 'aria-label': `${caption}: ${values.length} numbers, of which the largest is ${short(top)}` });
  canvas.style.width = `${width / 32}rem`; // half as large, for screens that are fine
  const context = canvas.getContext('2d');
  const scale = 1 / (top || 1);
  const inCell = (value) => (top < 0.01 ? short(value) : value.toFixed(2).replace('-', '−'));
  values.forEach((value, k) => {
    const map = Math.floor(k / (H * W));
    const [row, column] = [Math.floor((k % (H * W)) / W), k % W];
    const x = ((map % columns) * (W + apart) + column) * unit;
    const y = (Math.floor(map / columns) * (H + apart) + row) * unit;
    cell(context, x, y, unit, H * W > 1 ? 0 : 1, css(direction, value * scale));
    if (values.length <= FEW) written(context, inCell(value), x, y, unit, ink(direction, value * scale));
    if (k === mark) frame(context, x, y, unit);
  });
  return canvas;
}

function cell(context, x, y, unit, gap, color) {
  context.fillStyle = color;
  context.fillRect(x, y, unit - gap, unit - gap);
}

function written(context, text, x, y, unit, color) {
  context.fillStyle = color;
  context.font = `${Math.min(unit / 3, 30)}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x + unit / 2, y + unit / 2, unit - 4);
}

function frame(context, x, y, unit) {
  context.strokeStyle = css('backward', 1);
  context.lineWidth = 8;
  context.strokeRect(x + 4, y + 4, unit - 9, unit - 9);
}

// ---- the same as a table, the largest products first

function table(view, s, parts) {
  const { inputs, weights, products } = parts;
  const what = view.back ? 'gradient' : 'input';
  const order = products ? topOf(products.length, (k) => products[k], ROWS) : inputs.map((_, k) => k);
  const heads = products ? ['from', what, 'weight', 'product'] : ['from', what];
  const rows = order.map((k) => [placeOf(view, s, parts, k), ...[inputs, weights, products].filter(Boolean).map((values) => short(values[k]))]);
  const left = inputs.length - order.length;
  const caption = products ? `The largest of ${inputs.length} products${left ? `; ${left} smaller ones, or 0, are left out` : ''}` : 'What it reads';
  return element(
    'table', {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))),
    element('tbody', {}, ...rows.map(([head, ...cells]) => element('tr', {}, element('th', { scope: 'row' }, head), ...cells.map((cell) => element('td', {}, cell))))),
  );
}

// Where a number of the pictures above comes from.
function placeOf({ stages, back, network }, s, { from, to, kind, shape: [C, H, W] }, k) {
  const other = stages[s + (back ? 1 : -1)];
  if (from ?? to) return nameOf(other, (from ?? to)[k], network.classes);
  const [, sideH, sideW] = other.shape;
  if (kind === 'sum' && H === sideH && W === sideW && C === other.shape[0]) return nameOf(other, k, network.classes);
  return `${C > 1 ? `map ${Math.floor(k / (H * W))}, ` : ''}kernel row ${Math.floor((k % (H * W)) / W)}, column ${k % W}`;
}

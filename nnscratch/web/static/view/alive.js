// The network, alive: what flows through it at each reading, or back through it, and any of its units in numbers.

import { element } from '../dom.js';
import { line } from './colours.js';
import { controls } from './controls.js';
import { describe, short } from './describe.js';
import { draw } from './draw.js';
import { inspector } from './inspector.js';
import { arrange, neighbour, unitAt } from './layout.js';
import { clearOverlay, showOnPad } from './overlay.js';
import { passOf, strongestOf, windowsOf } from './pass.js';
import { activationsOf, sizeText } from './stages.js';

const EMPTY = 'Draw something, and see it flow through the network.';
const HINT = matchMedia('(hover: none)').matches
  ? 'Touch a unit to see what it computes.'
  : 'Touch a unit to see what it computes, or walk with the arrow keys; Enter or a click keeps it.';
const ELSEWHERE = 'It is not laid over the picture: the server alone knows where in it these pixels lie.';
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MOST_RATIO = 2; // pixels of the device for one of the page, that are drawn
const NARROWEST = 96; // of a layer's name, in sixteenths of a rem as all of a layout

export function mount(place, context) {
  const canvas = element('canvas', { 'aria-hidden': 'true' });
  const layers = element('div', { class: 'layers' });
  const picture = element('div', { class: 'picture' }, canvas, layers);
  const lead = element('p', { class: 'lead' }, EMPTY);
  const choices = controls((changes) => { Object.assign(state, changes); update(); });
  const chosen = element('div', { class: 'chosen', hidden: '' });
  const body = element('div', { hidden: '' }, choices.bar, element('div', {}, picture, chosen));
  place.append(element('div', { class: 'alive' }, lead, body));
  const show = inspector(chosen);

  const state = { way: 'forward', target: null, at: null, isPinned: false, isOnPad: false };
  let view = null; // of the last reading
  let layout = null;
  let isSeen = false; // on the screen, or it is not drawn

  // ---- what was read

  function update() {
    const { current } = context;
    body.hidden = !current; // what can be reached with keys is there, seen or not
    if (state.isOnPad) clearOverlay(context);
    state.isOnPad = false;
    if (!current) lead.textContent = EMPTY;
    if (!current || (!isSeen && state.way === 'forward')) return;
    const isSame = view?.network === current.network;
    if (!isSame) Object.assign(state, { target: null, at: null });
    view = passOf(current, state.way, state.target, isSame ? view.stages : undefined);
    if (!isSame) layers.replaceChildren(...view.stages.map(layerElement));
    if (!isSame) arrangeAll();
    choices.show(state.way, state.target, view.classes, view.digit);
    refresh();
    if (view.back) state.isOnPad = showOnPad(context, view.back.dinput, (value) => line('backward', value));
    lead.textContent = leadText(view, state.isOnPad);
  }

  function arrangeAll() {
    layout = null;
    if (!view || picture.clientWidth === 0) return;
    const zoom = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const ratio = zoom * Math.min(devicePixelRatio || 1, MOST_RATIO);
    layout = { ...arrange(view.stages, view.shown, view.classes, (picture.clientWidth - 6) / zoom, ratio), ratio, zoom };
    const { width, height, boxes } = layout;
    Object.assign(canvas, { width: Math.ceil(width * ratio), height: Math.ceil(height * ratio) });
    Object.assign(canvas.style, { width: rem(width), height: rem(height) });
    boxes.forEach((box, s) => placeLayer(layers.children[s], box));
  }

  function refresh() {
    if (!layout) arrangeAll();
    if (!layout) return;
    state.at ??= { s: 1, unit: strongestOf(view, 1) };
    const { s, unit } = state.at;
    const told = describe(view, s, unit);
    const windows = windowsOf(view, state.at, told.parts);
    draw(canvas.getContext('2d'), { ...view, layout, chosen: { s, unit, windows } }, coloursOf(picture));
    show(view, s, told, state.isPinned);
    chosen.hidden = false;
    return told;
  }

  // ---- choosing a unit

  function choose(s, unit, isTold = false) {
    state.at = { s, unit };
    [...layers.children].forEach((layer, k) => layer.setAttribute('tabindex', k === s ? '0' : '-1'));
    const { name, text } = refresh();
    if (isTold) context.say(`${name}: ${text}`);
  }

  function layerElement(stage, s) {
    const size = sizeText(stage, view.shown[s].length);
    const name = [stage.title, ...activationsOf(view.network, stage)].join(', ');
    const layer = element(
      'div',
      { class: 'layer', tabindex: s === 1 ? '0' : '-1', role: 'application', 'aria-roledescription': 'layer', 'aria-label': `${name}: ${size}. Arrow keys move among its units and to the next layers.` },
      element('strong', {}, stage.title),
      element('span', {}, size),
    );
    layer.addEventListener('pointermove', (event) => point(event, stage, s, false));
    layer.addEventListener('click', (event) => point(event, stage, s, true));
    layer.addEventListener('focus', () => { if (state.at.s !== s && !layer.matches(':active')) choose(s, strongestOf(view, s), true); });
    layer.addEventListener('keydown', (event) => { if (press(event, s)) event.preventDefault(); });
    return layer;
  }

  // A click keeps a unit, and a second one on it lets go.
  function point({ clientX, clientY }, stage, s, isClick) {
    const origin = canvas.getBoundingClientRect();
    const [x, y] = [clientX - origin.left, clientY - origin.top].map((length) => length / layout.zoom);
    const unit = unitAt(stage, layout.boxes[s], view.shown[s], x, y);
    if (unit === null || (!isClick && state.isPinned)) return;
    const isAt = state.at.s === s && state.at.unit === unit;
    if (isClick) state.isPinned = !(state.isPinned && isAt);
    if (isClick || !isAt) choose(s, unit);
  }

  function press({ key, ctrlKey, metaKey, altKey }, s) {
    if (ctrlKey || metaKey || altKey) return false;
    if (key in ARROWS) walk(s, ...ARROWS[key]);
    else if (key === 'PageUp' || key === 'PageDown') toLayer(s + (key === 'PageUp' ? -1 : 1));
    else if (key === 'Home' || key === 'End') toLayer(key === 'Home' ? 0 : view.stages.length - 1);
    else if (key === 'Enter' || key === ' ') keep(!state.isPinned);
    else if (key === 'Escape' && state.isPinned) keep(false);
    else return false;
    return true;
  }

  function keep(isPinned) {
    state.isPinned = isPinned;
    refresh();
    context.say(isPinned ? 'Kept' : 'No longer kept');
  }

  // Among the units of a layer, and over its edge to the next one.
  function walk(s, dx, dy) {
    const next = neighbour(view.stages[s], layout.boxes[s], view.shown[s], state.at.unit, dx, dy);
    if (next !== null) choose(s, next, true);
    else toLayer(s + (layout.across ? dx : dy));
  }

  function toLayer(s) {
    if (s !== state.at.s && view.stages[s]) layers.children[s].focus();
  }

  context.onReading(update);
  new IntersectionObserver(([{ isIntersecting }]) => {
    isSeen = isIntersecting;
    if (isSeen) update();
  }).observe(place);
  new ResizeObserver(() => { arrangeAll(); refresh(); }).observe(picture);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', refresh);
}

function leadText({ back, classes, pass, network }, isOnPad) {
  if (!back) return HINT;
  const name = classes[back.target];
  const value = back.of === 'loss' ? `The loss, were it ${name}, is ${short(back.loss)}.` : `The logit of ${name} is ${scaled(network, pass, back.target)}${short(pass.logits[back.target])}.`;
  return `${value} Orange: more here raises it; blue: more here lowers it.${isOnPad ? '' : ` ${ELSEWHERE}`}`;
}

// What a logit is made of, where its temperature makes it another number than the last layer's.
function scaled({ temperature, layers }, { outputs }, target) {
  if (temperature === 1 || layers.at(-1).type === 'Softmax') return '';
  return `${short(outputs.at(-1)[target])} / temperature ${short(temperature)} = `;
}

const rem = (length) => `${length / 16}rem`;

function placeLayer(layer, { left, labelTop, top, width, height }) {
  const wide = Math.max(width, NARROWEST);
  Object.assign(layer.style, { left: rem(Math.max(left - (wide - width) / 2, 0)), top: rem(labelTop), width: rem(wide), height: rem(top - labelTop + height) });
}

function coloursOf(place) {
  const style = getComputedStyle(place);
  return Object.fromEntries(['back', 'quiet', 'mark'].map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

// The network, alive: what flows through it at each reading, or back through it, and any of its units in numbers.

import { reading } from '../engine/confidence.js';
import { element } from '../dom.js';
import { line } from './colours.js';
import { describe, short } from './describe.js';
import { draw } from './draw.js';
import { inspector } from './inspector.js';
import { arrange, neighbour, unitAt } from './layout.js';
import { clearOverlay, showOnPad } from './overlay.js';
import { topOf } from './flows.js';
import { shownOf, sizeText, stagesOf, valuesOf } from './stages.js';
import { reach } from './unit.js';

const WAYS = [['forward', 'Forward'], ['loss', 'Loss, backward'], ['logit', 'Logit, backward']];
const EMPTY = 'Draw something, and see it flow through the network.';
const HINT = 'Touch a unit to see what it computes, or walk with the arrow keys; Enter or a click keeps it.';
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MOST_RATIO = 2; // pixels of the device for one of the page, that are drawn
const LINES = 12; // to a dense layer's unit

export function mount(place, context) {
  const canvas = element('canvas', { 'aria-hidden': 'true' });
  const layers = element('div', { class: 'layers' });
  const picture = element('div', { class: 'picture' }, canvas, layers);
  const lead = element('p', { class: 'lead' }, EMPTY);
  const unit = element('div', { class: 'chosen' });
  const controls = makeControls((changes) => { Object.assign(state, changes); update(); });
  const body = element('div', { hidden: '' }, controls.bar, picture, unit);
  place.append(element('div', { class: 'alive' }, lead, body));
  const show = inspector(unit);

  const state = { way: 'forward', target: null, at: null, isPinned: false };
  let view = null; // of the last reading

  // ---- what was read

  function update() {
    const { current } = context;
    body.hidden = !current;
    if (!current) {
      lead.textContent = EMPTY;
      view = null;
      return;
    }
    view = passOf(current, state, view);
    if (view.isNew) rebuild();
    lead.textContent = leadText(view, state);
    controls.show(state, view);
    refresh();
    if (view.back) showOnPad(context, view.back.dinput, (value) => line('backward', value));
    else clearOverlay(context);
  }

  function rebuild() {
    state.at = null;
    layers.replaceChildren(...view.stages.map((stage, s) => layerElement(stage, s)));
    arrangeAll();
  }

  function arrangeAll() {
    if (!view || picture.clientWidth === 0) return;
    const ratio = Math.min(devicePixelRatio || 1, MOST_RATIO);
    view.layout = arrange(view.stages, view.shown, view.classes, picture.clientWidth, ratio);
    view.ratio = ratio;
    const { width, height, boxes } = view.layout;
    Object.assign(canvas, { width: Math.ceil(width * ratio), height: Math.ceil(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    boxes.forEach((box, s) => placeLayer(layers.children[s], box));
  }

  function refresh() {
    if (!view?.layout) arrangeAll();
    if (!view?.layout) return;
    state.at ??= firstChoice(view);
    view.chosen = { ...state.at, windows: windowsOf(view, state.at) };
    draw(canvas.getContext('2d'), view, view.ratio, coloursOf(picture));
    show(view, state.at.s, describe(view, state.at.s, state.at.unit));
  }

  // ---- choosing a unit

  function choose(s, chosen, isTold = false) {
    state.at = { s, unit: chosen };
    [...layers.children].forEach((layer, k) => layer.setAttribute('tabindex', k === s ? '0' : '-1'));
    refresh();
    if (!isTold) return;
    const told = describe(view, s, chosen);
    context.say(`${told.name}: ${told.text}`);
  }

  function layerElement(stage, s) {
    const shown = view.shown[s];
    const name = [stage.title, ...activationsOf(view.network, stage)].join(', ');
    const layer = element(
      'div', { class: 'layer', tabindex: s === 1 ? '0' : '-1', role: 'application', 'aria-roledescription': 'layer', 'aria-label': `${name}: ${sizeText(stage, shown.length)}. Arrow keys move among its units and to other layers.` },
      element('strong', {}, stage.title), element('span', {}, sizeText(stage, shown.length)),
    );
    const under = (event) => {
      const origin = canvas.getBoundingClientRect();
      return unitAt(stage, view.layout.boxes[s], view.shown[s], event.clientX - origin.left, event.clientY - origin.top);
    };
    layer.addEventListener('pointermove', (event) => {
      const found = under(event);
      if (!state.isPinned && found !== null) choose(s, found);
    });
    layer.addEventListener('click', (event) => {
      const found = under(event);
      if (found === null) return;
      state.isPinned = !(state.isPinned && state.at.s === s && state.at.unit === found);
      choose(s, found);
    });
    layer.addEventListener('focus', () => { if (state.at?.s !== s && !layer.matches(':active')) choose(s, strongestOf(view, s), true); });
    layer.addEventListener('keydown', (event) => { if (key(event, s)) event.preventDefault(); });
    return layer;
  }

  function key(event, s) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key in ARROWS) return walk(s, ...ARROWS[event.key]);
    if (event.key === 'PageUp' || event.key === 'PageDown') return toLayer(s + (event.key === 'PageUp' ? -1 : 1));
    if (event.key === 'Home' || event.key === 'End') return toLayer(event.key === 'Home' ? 0 : view.stages.length - 1);
    if (event.key === 'Enter' || event.key === ' ') state.isPinned = !state.isPinned;
    else if (event.key === 'Escape' && state.isPinned) state.isPinned = false;
    else return false;
    context.say(state.isPinned ? 'kept' : 'no longer kept');
    return true;
  }

  // Among the units of a layer, and over its edge to the next one.
  function walk(s, dx, dy) {
    const { stages, layout, shown } = view;
    const next = neighbour(stages[s], layout.boxes[s], shown[s], state.at.unit, dx, dy);
    if (next !== null) choose(s, next, true);
    else toLayer(s + (layout.across ? dx : dy));
    return true;
  }

  function toLayer(s) {
    if (s === state.at.s || !view.stages[s]) return true;
    choose(s, strongestOf(view, s), true);
    layers.children[s].focus();
    return true;
  }

  context.onReading(update);
  new ResizeObserver(() => { arrangeAll(); refresh(); }).observe(picture);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', refresh);
}

// ---- what is shown of a reading

// The forward pass of what was read and, if asked for, the backward pass of a target's loss or logit.
function passOf({ network, image }, { way, target }, before) {
  const isNew = before?.network !== network;
  const stages = isNew ? stagesOf(network) : before.stages;
  const pass = network.forward(image);
  const { digit, probabilities } = reading(pass.logits, network.limits, network.classes);
  const back = way === 'forward' ? null : backOf(network, pass, way, target ?? digit);
  const shown = stages.map((stage) => shownOf(stage, valuesOf(stage, { pass })));
  const values = stages.map((stage) => valuesOf(stage, { pass, back }));
  return { network, classes: network.classes, stages, pass, digit, probabilities, back, shown, values, isNew, layout: isNew ? null : before.layout, ratio: before?.ratio };
}

function backOf(network, { outputs }, way, target) {
  const { loss, dout } = network.loss(target);
  const out = outputs.at(-1);
  const isSoftmax = network.layers.at(-1).type === 'Softmax'; // whose logits are the logarithms of its outputs
  const ofLogit = out.map((value, k) => (k === target ? (isSoftmax ? 1 / Math.max(value, 2 ** -126) : 1) : 0));
  const { dinput, douts } = network.backward(way === 'loss' ? dout : ofLogit);
  return { of: way, target, loss, dinput, douts };
}

function leadText({ network, digit, back, classes, pass }, { target }) {
  if (!back) return HINT;
  const name = classes[back.target];
  const value = back.of === 'loss' ? `The loss, were it ${name}: ${short(back.loss)}.` : `The logit of ${name}: ${short(pass.logits[back.target])}.`;
  return `${value} Orange: more here raises it; blue: more here lowers it.`;
}

const activationsOf = ({ layers }, { first, last }) => (first < 0 ? [] : layers.slice(first + 1, last + 1).map(({ type }) => type).filter((type) => !['Flatten', 'Dropout'].includes(type)));

const strongestOf = ({ values, stages, shown, digit }, s) => {
  if (s === stages.length - 1) return digit;
  const [, H, W] = stages[s].shape;
  const isShown = new Set(shown[s]);
  const value = (k) => (isShown.has(Math.floor(k / (H * W))) ? values[s][k] : 0);
  return topOf(values[s].length, value, 1)[0] ?? shown[s][0] * H * W;
};

const firstChoice = (view) => ({ s: Math.min(1, view.stages.length - 1), unit: strongestOf(view, 1) });

// What a unit reads, as [first, last] units of rectangles in the stage before it: of a dense layer the largest products.
function windowsOf({ network, stages, pass, back }, { s, unit }) {
  if (back || s === 0) return [];
  const [layer, before] = [network.layers[stages[s].first], stages[s - 1]];
  const from = reach(layer, unit, before.shape);
  if (from === null) {
    const [{ W }, x] = [layer.p, pass.inputs[stages[s].first]];
    return topOf(x.length, (k) => W[unit * x.length + k] * x[k], LINES).map((k) => [k, k]);
  }
  const [, H, w] = before.shape;
  const byMap = Map.groupBy ? Map.groupBy(from, (k) => Math.floor(k / (H * w))) : grouped(from, (k) => Math.floor(k / (H * w)));
  return [...byMap.values()].map((units) => [units[0], units.at(-1)]);
}

// ---- elements

function makeControls(change) {
  const buttons = WAYS.map(([way, name]) => {
    const button = element('button', { type: 'button', 'aria-pressed': 'false' }, name);
    button.addEventListener('click', () => change({ way }));
    return button;
  });
  const list = element('select', {});
  list.addEventListener('change', () => change({ target: list.value === '' ? null : Number(list.value) }));
  const label = element('label', { class: 'target' }, 'of ', list);
  let classes = null;

  function show({ way, target }, view) {
    buttons.forEach((button, k) => button.setAttribute('aria-pressed', String(WAYS[k][0] === way)));
    label.hidden = way === 'forward';
    if (classes !== view.classes) {
      classes = view.classes;
      list.replaceChildren(element('option', { value: '' }, ''), ...classes.map((name, k) => element('option', { value: k }, name)));
    }
    list.options[0].textContent = `what was read (${classes[view.digit]})`;
    list.value = target ?? '';
  }

  return { bar: element('div', { class: 'bar-of-ways' }, element('div', { class: 'ways', role: 'group', 'aria-label': 'What flows' }, ...buttons), label), show };
}

function placeLayer(layer, { left, labelTop, top, width, height }) {
  const wide = Math.max(width, 84);
  Object.assign(layer.style, { left: `${Math.max(left - (wide - width) / 2, 0)}px`, top: `${labelTop}px`, width: `${wide}px`, height: `${top - labelTop + height}px` });
}

function coloursOf(place) {
  const style = getComputedStyle(place);
  return { card: style.getPropertyValue('--card'), quiet: style.getPropertyValue('--quiet'), mark: style.getPropertyValue('--mark') };
}

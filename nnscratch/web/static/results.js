// What the networks read: the digit and verdict, a bar chart for each network, the same as a table.

import { picture } from './images.js';

// The names of the classes: the page has them where they are no digits.
const given = document.body.dataset.classes;
export const DIGITS = given === undefined;
export const CLASSES = DIGITS ? [...'0123456789'] : JSON.parse(given);
const SHOWN = 10; // classes of a chart, where there are more: the most probable
const COLUMNS = 30; // classes of the table, of which all have a column
const UPRIGHT = CLASSES.length <= SHOWN && CLASSES.every((name) => name.length <= 2); // else the bars lie beside the names
const LONGEST = 13; // characters of a name beside its bar

const percent = (p) => (p > 0.9999 ? '> 99.99 %' : `${(100 * p).toFixed(p > 0.9995 || p < 0.0995 ? 2 : 1)} %`);
const $ = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function showNothing(names, text = 'nothing drawn') {
  showBig('–');
  $('words').textContent = text;
  $('summary').dataset.verdict = 'nothing drawn';
  $('models').replaceChildren(...names.map((name) => card(name)));
  $('table').replaceChildren(table([], names));
  $('boxes').replaceChildren();
  $('stages').replaceChildren();
}

// Why what a section shows is not of the drawing as it is, in words, or '' if it is.
export function setStale(kind, text, busy = false) {
  const section = document.querySelector(`.${kind}`);
  section.classList.toggle('stale', text !== '');
  section.setAttribute('aria-busy', String(busy));
  section.querySelector('.state').textContent = text;
  if (kind !== 'results') return;
  $('boxes').classList.toggle('stale', text !== '');
  if (text && $('summary').dataset.verdict === 'nothing drawn') $('words').textContent = 'not read yet';
}

// names: of all networks, asked or not; frame: where the question lay on the pad; onDigit: called with the place of a chosen one.
export function showAnswer(answer, names, frame, onValue, onDigit) {
  if (answer.digits.length === 0) {
    showNothing(names, 'no digit found');
    return;
  }
  $('summary').dataset.verdict = answer.verdict;
  $('words').textContent = words(answer);
  $('boxes').replaceChildren();
  if (answer.numbers) showSeveral(answer, names, frame, onValue, onDigit);
  else showOne(answer, names, onValue);
  $('table').replaceChildren(table(answer.digits, names));
}

// Mark one of several digits as the one that is explained; -1 marks none.
export function markDigit(place) {
  [...$('boxes').children].forEach((one, k) => one.classList.toggle('chosen', k === place));
  [...$('stages').querySelectorAll('button')].forEach((one, k) => one.setAttribute('aria-pressed', String(k === place)));
}

function showBig(text) {
  $('big').textContent = text;
  $('big').title = DIGITS ? '' : text;
  $('big').dataset.long = text.length > 12 ? 'very' : text.length > 3 ? 'yes' : '';
}

function words(answer) {
  if (answer.digits.length > 1) return `${answer.digits.length} digits: ${answer.verdict}`;
  const [first, ...others] = answer.digits[0].predictions;
  const sure = percent(first.confidence);
  if (answer.verdict.startsWith('not ')) return `${answer.verdict}, if any (${sure})`; // a digit, one of the classes
  if (answer.verdict === 'models differ') {
    return [first, ...others].map((p) => `${p.model} ${p.verdict.startsWith('not ') ? 'none' : CLASSES[p.digit]}`).join(', ');
  }
  if (answer.verdict === 'unsure') return `unsure: ${sure}, perhaps ${CLASSES[first.second]}`;
  return others.length ? `all agree (${first.model} ${sure})` : `${first.verdict}: ${sure}`;
}

function showOne(answer, names, onValue) {
  const { predictions } = answer.digits[0];
  showBig(CLASSES[commonest(predictions.map((p) => p.digit))]);
  $('models').replaceChildren(...names.map((name) => card(name, predictions.find((p) => p.model === name))));
  $('stages').replaceChildren(
    ...answer.stages.map((stage) =>
      element('figure', {}, picture(stage, stage.name, onValue), element('figcaption', {}, stage.name)),
    ),
  );
}

function showSeveral(answer, names, frame, onValue, onDigit) {
  showBig(commonest(Object.values(answer.numbers)));
  $('models').replaceChildren(...names.map((name) => card(name, undefined, answer.numbers[name])));
  $('stages').replaceChildren(
    ...answer.digits.map((digit, k) => {
      const read = digit.verdict === 'cannot be told apart' ? '?' : digit.predictions[0].digit;
      const caption = element('span', { class: 'caption' }, `${read}: ${digit.verdict}`);
      const attributes = { type: 'button', class: 'digit', 'aria-pressed': 'false', title: 'Explain this digit' };
      const made = element('button', attributes, picture(digit.image, `digit ${k + 1}`, onValue), caption);
      made.addEventListener('click', () => onDigit(k));
      return made;
    }),
  );
  $('boxes').replaceChildren(...answer.digits.map((digit) => box(digit, frame)));
}

function box(digit, frame) {
  const [left, top, width, height] = digit.box;
  const made = element('span', { class: 'box' }, String(digit.predictions[0].digit));
  made.dataset.verdict = digit.verdict;
  const share = (value) => `${value / 5}%`; // of 500 pixels
  Object.assign(made.style, {
    left: share(frame.left + left / frame.scale - 4),
    top: share(frame.top + top / frame.scale - 4),
    width: share(width / frame.scale + 8),
    height: share(height / frame.scale + 8),
  });
  return made;
}

function commonest(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return String([...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0]);
}

// A network's card, of a digit, a number or no answer: as high in all cases, so that nothing moves when one comes.
function card(name, prediction, number) {
  const title = element('h3', {}, name);
  const text = prediction ? `${percent(prediction.confidence)}, ${prediction.verdict}` : number ? `${number.length} digits` : 'no answer';
  const after = prediction ? `then ${CLASSES[prediction.second]}; ${prediction.milliseconds.toFixed(1)} ms` : '\u00a0';
  return element(
    'article', { class: 'model' },
    element('div', { class: 'head' }, title, element('strong', {}, prediction ? CLASSES[prediction.digit] : number ? '\u00a0' : '–')),
    element('p', { class: 'verdict-text' }, text),
    number ? element('p', { class: 'chart number' }, number) : chart(name, prediction),
    element('p', { class: 'after' }, after),
  );
}

const SVG = 'http://www.w3.org/2000/svg';

// The numbers of the classes with the highest probabilities p, the highest first.
const likeliest = (p) => p.map((_, k) => k).sort((a, b) => p[b] - p[a]).slice(0, SHOWN);

function chart(name, prediction) {
  return UPRIGHT ? upright(name, prediction) : lying(name, prediction);
}

// Bars beside the names of all classes, or of many the most probable.
function lying(name, prediction) {
  const p = prediction?.probabilities;
  const few = CLASSES.length <= SHOWN;
  const shown = p && !few ? likeliest(p) : CLASSES.slice(0, SHOWN).map((_, k) => k);
  const label = p ? shown.map((k) => `${CLASSES[k]}: ${percent(p[k])}`).join(', ') : 'no answer yet';
  const made = shape('svg', { viewBox: `0 0 240 ${17 * shown.length}`, class: 'chart lying', role: 'img', 'aria-label': `${name}: ${label}` });
  shown.forEach((k, row) => {
    const best = k === prediction?.digit;
    const called = CLASSES[k].length > LONGEST ? `${CLASSES[k].slice(0, LONGEST - 1)}…` : CLASSES[k];
    made.append(
      shape('text', { x: 92, y: 17 * row + 12, class: best ? 'best' : '' }, p || few ? called : ''),
      shape('rect', { x: 98, y: 17 * row + 2, width: 142, height: 12, class: 'room' }),
      shape('rect', { x: 98, y: 17 * row + 2, width: 142 * (p ? p[k] : 0), height: 12, class: best ? 'bar best' : 'bar' }),
    );
  });
  return made;
}

function upright(name, prediction) {
  const made = document.createElementNS(SVG, 'svg');
  made.setAttribute('viewBox', '0 0 200 64');
  made.setAttribute('class', 'chart');
  made.setAttribute('role', 'img');
  const p = prediction?.probabilities ?? CLASSES.map(() => 0);
  const text = prediction ? p.map((value, digit) => `${CLASSES[digit]}: ${percent(value)}`).join(', ') : 'no answer yet';
  made.setAttribute('aria-label', `${name}: ${text}`);
  p.forEach((value, digit) => {
    const height = 46 * value;
    const best = prediction && digit === prediction.digit;
    made.append(
      shape('rect', { x: 20 * digit + 3, y: 2, width: 14, height: 46, class: 'room' }),
      shape('rect', { x: 20 * digit + 3, y: 48 - height, width: 14, height, class: best ? 'bar best' : 'bar' }),
      shape('text', { x: 20 * digit + 10, y: 61, class: best ? 'best' : '' }, CLASSES[digit]),
    );
  });
  return made;
}

function shape(name, attributes, text = '') {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// A row for each network and digit, of many classes with the most probable; "–" for a network that was not asked.
function table(digits, names) {
  const all = digits.flatMap((digit) => digit.predictions);
  const shown = CLASSES.length <= COLUMNS ? CLASSES.map((_, k) => k) : likeliest(CLASSES.map((_, k) => Math.max(0, ...all.map((one) => one.probabilities[k]))));
  const row = (name, k) => {
    const p = digits[k]?.predictions.find((one) => one.model === name)?.probabilities;
    const title = element('th', { scope: 'row' }, digits.length > 1 ? `${k + 1}. ${name}` : name);
    return element('tr', {}, title, ...shown.map((c) => element('td', {}, p ? percent(p[c]) : '–')));
  };
  const rows = Array.from({ length: Math.max(1, digits.length) }, (_, k) => names.map((name) => row(name, k))).flat();
  const head = element('tr', {}, element('th', { scope: 'col' }, 'network'));
  for (const c of shown) head.append(element('th', { scope: 'col' }, CLASSES[c]));
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows));
}

// What the networks read: the digit and verdict, a bar chart for each network, the same as a table.

import { picture } from './images.js';

const percent = (p) => (p > 0.9999 ? '> 99.99 %' : `${(100 * p).toFixed(p > 0.9995 || p < 0.0995 ? 2 : 1)} %`);
const $ = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function showNothing(names) {
  $('big').textContent = '–';
  $('words').textContent = 'nothing drawn';
  $('summary').dataset.verdict = 'nothing drawn';
  $('models').replaceChildren(...names.map((name) => card(name, null)));
  $('table').replaceChildren();
  $('boxes').replaceChildren();
  $('stages').replaceChildren();
  setStale(false);
}

export function setStale(stale) {
  document.querySelector('.results').classList.toggle('stale', stale);
  document.querySelector('.seen').classList.toggle('stale', stale);
}

export function showAnswer(answer, names, onValue) {
  setStale(false);
  $('boxes').replaceChildren();
  if (answer.digits.length === 0) {
    showNothing(names);
    return;
  }
  $('summary').dataset.verdict = answer.verdict;
  $('words').textContent = words(answer);
  if (answer.numbers) showSeveral(answer, onValue);
  else showOne(answer, onValue);
  $('table').replaceChildren(table(answer));
}

function words(answer) {
  if (answer.digits.length > 1) return `${answer.digits.length} digits: ${answer.verdict}`;
  const [first, ...others] = answer.digits[0].predictions;
  const sure = percent(first.confidence);
  if (answer.verdict === 'not a digit') return `not a digit, if any (${sure})`;
  if (answer.verdict === 'models differ') {
    return [first, ...others].map((p) => `${p.model} ${p.digit}`).join(', ');
  }
  if (answer.verdict === 'unsure') return `unsure: ${sure}, perhaps ${first.second}`;
  return others.length ? `all agree (${first.model} ${sure})` : `${first.verdict}: ${sure}`;
}

function showOne(answer, onValue) {
  const { predictions } = answer.digits[0];
  $('big').textContent = commonest(predictions.map((p) => p.digit));
  $('models').replaceChildren(...predictions.map((prediction) => card(prediction.model, prediction)));
  $('stages').replaceChildren(
    ...answer.stages.map((stage) =>
      element('figure', {}, picture(stage, stage.name, onValue), element('figcaption', {}, stage.name)),
    ),
  );
}

function showSeveral(answer, onValue) {
  const numbers = Object.values(answer.numbers);
  $('big').textContent = commonest(numbers);
  $('models').replaceChildren(
    ...Object.entries(answer.numbers).map(([name, number]) =>
      element('article', { class: 'model' }, element('h3', {}, name), element('p', { class: 'number' }, number)),
    ),
  );
  $('stages').replaceChildren(
    ...answer.digits.map((digit, k) =>
      element(
        'figure', {},
        picture(digit.image, `digit ${k + 1}`, onValue),
        element('figcaption', {}, `${digit.predictions[0].digit}: ${digit.verdict}`),
      ),
    ),
  );
  $('boxes').replaceChildren(...answer.digits.map(box));
}

function box(digit) {
  const [left, top, width, height] = digit.box;
  const made = element('span', { class: 'box' }, String(digit.predictions[0].digit));
  made.dataset.verdict = digit.verdict;
  const share = (value) => `${value / 5}%`; // of 500 pixels
  Object.assign(made.style, { left: share(left - 4), top: share(top - 4), width: share(width + 8), height: share(height + 8) });
  return made;
}

function commonest(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return String([...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0]);
}

// A network's card; without a prediction its bars are empty, so that nothing moves when one comes.
function card(name, prediction) {
  const title = element('h3', {}, name);
  const told = prediction
    ? `${percent(prediction.confidence)}, ${prediction.verdict}`
    : 'not asked';
  const after = prediction ? `then ${prediction.second}; ${prediction.milliseconds.toFixed(1)} ms` : ' ';
  return element(
    'article', { class: 'model' },
    element('div', { class: 'head' }, title, element('strong', {}, prediction ? String(prediction.digit) : '–')),
    element('p', { class: 'told' }, told),
    chart(name, prediction),
    element('p', { class: 'after' }, after),
  );
}

const SVG = 'http://www.w3.org/2000/svg';

function chart(name, prediction) {
  const made = document.createElementNS(SVG, 'svg');
  made.setAttribute('viewBox', '0 0 200 64');
  made.setAttribute('class', 'chart');
  made.setAttribute('role', 'img');
  const p = prediction?.probabilities ?? Array(10).fill(0);
  const told = prediction ? p.map((value, digit) => `${digit}: ${percent(value)}`).join(', ') : 'no answer yet';
  made.setAttribute('aria-label', `${name}: ${told}`);
  p.forEach((value, digit) => {
    const height = 46 * value;
    const best = prediction && digit === prediction.digit;
    made.append(
      shape('rect', { x: 20 * digit + 3, y: 2, width: 14, height: 46, class: 'room' }),
      shape('rect', { x: 20 * digit + 3, y: 48 - height, width: 14, height, class: best ? 'bar best' : 'bar' }),
      shape('text', { x: 20 * digit + 10, y: 61, class: best ? 'best' : '' }, String(digit)),
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

function table(answer) {
  const body = answer.digits.flatMap((digit, k) =>
    digit.predictions.map((prediction) =>
      element(
        'tr', {},
        element('th', { scope: 'row' }, answer.digits.length > 1 ? `${k + 1}. ${prediction.model}` : prediction.model),
        ...prediction.probabilities.map((p) => element('td', {}, percent(p))),
      ),
    ),
  );
  const head = element('tr', {}, element('th', { scope: 'col' }, 'network'));
  for (let digit = 0; digit < 10; digit += 1) head.append(element('th', { scope: 'col' }, String(digit)));
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
}

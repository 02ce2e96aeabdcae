// The page: pad, buttons and keys on one side, the API on the other. The newest question's answer wins.

import { Pad } from './pad.js';
import { CLASSES, element, markDigit, setStale, showAnswer, showNothing } from './results.js';
import { showWhy } from './why.js';

const $ = (id) => document.getElementById(id);
const names = [...$('model').options].map((option) => option.value);
const pad = new Pad($('pad'));
const CHANGED = 'the drawing has changed';
const PAUSE = 150; // milliseconds after a stroke, in which another may begin
const BUTTONS = 30; // classes of which each has a button; of more, one is chosen from a list
const LARGEST = 900; // pixels of a picture's longer side, before it is sent

let newest = 0; // the number of the newest question
let timer = 0;
let asked = names; // the networks of the last question
let digit = 0; // the place of the one of several digits that is explained

const onValue = (text) => { $('value').textContent = text; };

// why: {explain, digit, target}, or nothing; a target is the class whose gradient is shown, in place of the one read.
async function ask(models, why = {}) {
  clearTimeout(timer);
  asked = models;
  const number = (newest += 1);
  if (pad.empty) {
    forget();
    return;
  }
  stale('asking …', true);
  try {
    const { frame } = pad;
    const body = { ...(await pad.question()), models, single: $('single')?.checked ?? true, ...why };
    const answer = await post('api/predict', body);
    if (number !== newest) return;
    showError('');
    setStale('results', '');
    setStale('seen', '');
    showAnswer(answer, names, frame, onValue, (place) => { digit = place; explain(); });
    if (answer.explanations) explained(answer);
    else explanationsStale('of an earlier question');
  } catch (error) {
    if (number !== newest) return;
    stale('no answer');
    showError(error.message);
  }
}

// By default each network's own reading is explained.
function explain(target = {}) {
  ask(names, { explain: true, digit, ...target });
}

function explained(answer) {
  const several = answer.digits.length > 1;
  setStale('why', '');
  showWhy($('explanations'), answer.explanations, several ? `digit ${digit + 1}: ` : '', onValue);
  mark(answer.explanations.map((one) => one.target));
  markDigit(several ? digit : -1);
}

async function post(address, body) {
  const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  return get(address, options);
}

async function get(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error('The server does not answer. Your drawing is kept: start the server again, and ask once more.');
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? `The server answered with ${response.status}.`);
  return body;
}

function forget() {
  $('explanations').replaceChildren();
  mark([]);
  showNothing(names);
  stale('');
  showError('');
}

function showError(text) {
  $('error-text').textContent = text;
  $('error').hidden = text === '';
}

function stale(message, busy = false) {
  setStale('results', message, busy);
  setStale('seen', message, busy);
  explanationsStale(message, busy);
}

function explanationsStale(message, busy = false) {
  setStale('why', $('explanations').hasChildNodes() ? message : '', busy);
}

// ---- the pad

pad.addEventListener('begin', () => {
  clearTimeout(timer);
  $('hint').hidden = true;
  stale(CHANGED);
});
pad.addEventListener('change', () => {
  newest += 1; // what was asked before is of another drawing
  digit = 0;
  $('undo').setAttribute('aria-disabled', String(pad.past.length === 0)); // and not disabled, which would lose the focus
  $('redo').setAttribute('aria-disabled', String(pad.undone.length === 0));
  $('boxes').dataset.paper = pad.picture ? (pad.picture.dark ? 'dark' : 'light') : '';
  $('hint').hidden = !pad.empty;
  if (pad.empty) {
    forget();
    return;
  }
  stale(CHANGED);
  clearTimeout(timer);
  if ($('live').checked) timer = setTimeout(() => ask(names), PAUSE);
});
pad.addEventListener('say', (event) => { $('keys').textContent = event.detail; });

// ---- buttons and keys

$('undo').addEventListener('click', () => pad.undo());
$('redo').addEventListener('click', () => pad.redo());
$('clear').addEventListener('click', () => pad.clear());
$('width').addEventListener('input', (event) => { pad.width = Number(event.target.value); });
$('eraser').addEventListener('click', (event) => {
  pad.erasing = !pad.erasing;
  event.currentTarget.setAttribute('aria-pressed', String(pad.erasing));
});
$('predict').addEventListener('click', () => ask([$('model').value]));
$('predict-all').addEventListener('click', () => ask(names));
$('explain').addEventListener('click', () => explain());
$('single')?.addEventListener('change', () => { digit = 0; ask(asked); });
$('error-close').addEventListener('click', () => showError(''));
$('live').addEventListener('change', (event) => { if (event.target.checked) ask(names); });
if (CLASSES.length <= BUTTONS) {
  $('classes').append(
    ...CLASSES.map((name, target) => {
      const button = element('button', { type: 'button', 'aria-pressed': 'false' }, name);
      button.addEventListener('click', () => explain({ target }));
      return button;
    }),
  );
} else {
  const options = CLASSES.map((name, target) => element('option', { value: target }, name));
  const list = element('select', { 'aria-label': 'Class whose gradient is shown' }, ...options);
  list.addEventListener('change', () => explain({ target: Number(list.value) }));
  $('classes').append(list);
}

function mark(targets) {
  const list = $('classes').querySelector('select');
  if (list) {
    list.selectedIndex = targets[0] ?? -1;
    return;
  }
  [...$('classes').children].forEach((button, k) => button.setAttribute('aria-pressed', String(targets.includes(k))));
}

document.addEventListener('keydown', (event) => {
  const typing = event.target.matches('select, input[type=file]');
  const control = event.ctrlKey || event.metaKey;
  const drawing = event.target === document.body || event.target.matches('#pad, .tools button');
  if (event.key === 'Escape' && drawing) pad.clear();
  else if (control && !event.altKey && event.key.toLowerCase() === 'z' && !typing) (event.shiftKey ? pad.redo() : pad.undo());
  else if (control && event.key.toLowerCase() === 'y' && !typing) pad.redo();
  else return;
  event.preventDefault();
});

// ---- pictures

async function take(file) {
  if (!file) return;
  try {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      throw new Error(`${file.name || 'That'} is not a picture that this browser can read.`);
    }
    const factor = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    if (factor < 1) {
      const options = { resizeWidth: Math.max(1, Math.round(bitmap.width * factor)), resizeHeight: Math.max(1, Math.round(bitmap.height * factor)), resizeQuality: 'high' };
      bitmap = await createImageBitmap(bitmap, options);
    }
    pad.show(bitmap);
    showError('');
    if (!$('live').checked) ask(names);
  } catch (error) {
    showError(error.message);
  }
}

$('file').addEventListener('change', (event) => {
  take(event.target.files[0]);
  event.target.value = '';
});
document.addEventListener('paste', (event) => take([...event.clipboardData.files][0]));
for (const kind of ['dragover', 'drop']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === 'drop') take([...event.dataTransfer.files][0]);
  });
}
$('random')?.addEventListener('click', async () => {
  try {
    const { image } = await get(`api/digits/${Math.floor(10000 * Math.random())}`);
    const levels = Uint8Array.from(atob(image.pixels), (character) => character.charCodeAt(0));
    const shown = new ImageData(image.width, image.height);
    levels.forEach((level, k) => shown.data.set([level, level, level, 255], 4 * k));
    pad.show(await createImageBitmap(shown));
    showError('');
    if (!$('live').checked) ask(names);
  } catch (error) {
    showError(error.message);
  }
});

forget();

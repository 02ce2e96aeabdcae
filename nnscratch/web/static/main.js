// The page: pad, buttons and keys on one side, the API on the other. The newest question's answer wins.

import { Pad, dataURL } from './pad.js';
import { element, setStale, showAnswer, showNothing } from './results.js';
import { showWhy } from './why.js';

const $ = (id) => document.getElementById(id);
const names = [...$('model').options].map((option) => option.value);
const pad = new Pad($('pad'));
const PAUSE = 150; // milliseconds after a stroke, in which another may begin
const LARGEST = 900; // pixels of a picture's longer side, before it is sent

let newest = 0; // the number of the newest question
let timer = 0;
let asked = names; // the networks of the last question
let target = null; // the class whose gradient is shown; null: the one that is read

const onValue = (text) => { $('value').textContent = text; };

async function ask(models, explain = false) {
  clearTimeout(timer);
  asked = models;
  const number = (newest += 1);
  if (pad.empty) {
    forget();
    return;
  }
  try {
    const body = { ...(await pad.question()), models, explain, single: explain || $('single').checked };
    if (target !== null) body.target = target;
    const answer = await post('/api/predict', body);
    if (number !== newest) return;
    showError('');
    showAnswer(answer, models, onValue);
    if (answer.explanations) {
      showWhy($('explanations'), answer.explanations, onValue);
      mark(answer.explanations[0].target);
    } else {
      $('explanations').classList.add('stale');
    }
  } catch (error) {
    if (number === newest) showError(error.message);
  }
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
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(told.error?.message ?? `The server answered with ${response.status}.`);
  return told;
}

function forget() {
  target = null;
  mark(-1);
  showNothing(names);
  showError('');
  $('explanations').replaceChildren();
}

function showError(text) {
  $('error').textContent = text;
  $('error').hidden = text === '';
}

// ---- the pad

pad.addEventListener('begin', () => {
  clearTimeout(timer);
  $('hint').hidden = true;
  stale();
});
pad.addEventListener('change', () => {
  newest += 1; // what was asked before is of another drawing
  target = null;
  $('undo').disabled = pad.past.length === 0;
  $('redo').disabled = pad.undone.length === 0;
  $('hint').hidden = !pad.empty;
  if (pad.empty) {
    forget();
    return;
  }
  stale();
  clearTimeout(timer);
  if ($('live').checked) timer = setTimeout(() => ask(names), PAUSE);
});
pad.addEventListener('say', (event) => { $('pad').setAttribute('aria-label', `Drawing pad, ${event.detail}`); $('keys').textContent = event.detail; });

function stale() {
  setStale(true);
  $('explanations').classList.add('stale');
}

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
$('explain').addEventListener('click', () => ask(names, true));
$('single').addEventListener('change', () => ask(asked));
$('live').addEventListener('change', (event) => { if (event.target.checked) ask(names); });
$('classes').append(
  ...Array.from({ length: 10 }, (_, digit) => {
    const button = element('button', { type: 'button', 'aria-pressed': 'false' }, String(digit));
    button.addEventListener('click', () => {
      target = digit;
      ask(names, true);
    });
    return button;
  }),
);

function mark(digit) {
  $('explanations').classList.remove('stale');
  [...$('classes').children].forEach((button, k) => button.setAttribute('aria-pressed', String(k === digit)));
}

document.addEventListener('keydown', (event) => {
  const typing = event.target.matches('select, input[type=file]');
  const control = event.ctrlKey || event.metaKey;
  if (event.key === 'Escape') pad.clear();
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
$('random').addEventListener('click', async () => {
  try {
    const { image } = await get(`/api/digits/${Math.floor(10000 * Math.random())}`);
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

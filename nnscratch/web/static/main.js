// The page: pad, buttons and keys on one side, what is read on the other.

import { mountCompare } from './compare.js';
import { config, context, described, publish } from './context.js';
import { playDemo } from './demo.js';
import { testDigit } from './digits.js';
import { $ } from './dom.js';
import { areDigits } from './engine/confidence.js';
import { everyFrame } from './live.js';
import { keepForOffline } from './offline.js';
import { Pad } from './pad.js';
import { place } from './paint.js';
import { mountParts } from './parts.js';
import { asDataURL, ofLevels, opened } from './pictures.js';
import { read, readDrawing } from './reader.js';
import { showAnswer, showClasses, showNothing } from './results.js';
import { forgetSeen, showSeen, showSteps } from './seen.js';
import { readByServer } from './served.js';

const pad = new Pad($('pad'));
const QUIET = 600; // milliseconds without a change, after which the answer is told to who cannot see it
const CLASSES = config.classes.length ? config.classes : [...'0123456789'];
const SERVED = config.pictures && !config.networks[0].address; // a network of which no browser knows the layers
const WHOLE = { left: 0, top: 0, side: pad.size / 28 }; // where a test digit's pixels lie
const EMPTY = config.classes.length ? 'Draw something.' : 'Draw a digit.';
const NO_SERVER = 'This page reads drawings only. For pictures and photos, install nnscratch and run "nnscratch serve".';

let network = null; // the one that decides
let answer = null; // { digits, chosen, stages }: what was read last
let newest = 0; // the number of the newest question to the server
let endDemo = () => {};
let telling = 0;
let starting = false; // the network is asked for

// ---- reading

const readSoon = everyFrame(() => {
  if (pad.empty) forget();
  else if (SERVED) readDrawingThere();
  else if (!network) start();
  else if (!pad.picture) readStrokes();
});

const single = () => $('single')?.checked ?? true;
const drawn = () => ({ strokes: pad.strokes.map((stroke) => [...stroke]), brush: pad.brush });

function readStrokes() {
  const drawing = drawn();
  try {
    show({ digits: readDrawing(network, drawing, single()), ...drawing });
  } catch (error) {
    show({ digits: [] }, `There is something that I cannot read: ${error.message}.`);
  }
}

function readPicture() {
  const { picture } = pad;
  if (!network && !SERVED) start();
  else if (picture.levels && network) {
    show({ digits: [{ box: null, field: WHOLE, image: picture.levels, reading: read(network, picture.levels) }], label: picture.label });
  } else askServer(async () => ({ image: await asDataURL(picture) }), place(picture, pad.size), { label: picture.label });
}

// What the server alone can read is read when the pen is lifted.
function readDrawingThere() {
  if (!pad.drawing && !pad.picture) askServer(drawn, { left: 0, top: 0, scale: 1 }, drawn());
}

async function askServer(asked, frame, more) {
  const number = (newest += 1);
  setBusy(true, 'Reading …');
  try {
    const question = { ...(await asked()), models: [context.reader], single: single() };
    const found = await readByServer(question, network, frame);
    if (number === newest) show({ ...found, ...more });
  } catch (error) {
    if (number !== newest) return;
    show({ digits: [] }, 'No answer.');
    showError(error.message);
  }
}

function setBusy(busy, words) {
  $('answer').setAttribute('aria-busy', String(busy));
  if (busy) $('words').textContent = words;
}

// ---- showing

// What was found becomes the answer; words are said where nothing was.
function show(found, words = 'There is nothing that I can read.') {
  setBusy(false);
  answer = { chosen: Math.min(answer?.chosen ?? 0, Math.max(found.digits.length - 1, 0)), ...found };
  if (found.digits.length === 0) {
    showNothing(words, 'nothing');
    forgetSeen();
    publish(null);
  } else {
    showAll(answer);
    const { image, reading } = answer.digits[answer.chosen];
    const { digits, chosen, strokes = null, brush = pad.brush } = answer;
    const isDrawn = pad.drawing;
    publish({ network, name: context.reader, classes: CLASSES, reading, image, strokes, brush, digits, chosen, isDrawn });
  }
  tell();
}

function showAll(shown) {
  showAnswer(shown, { classes: CLASSES, areDigits: areDigits(CLASSES), isDrawn: pad.drawing || pad.ghost.length > 0 });
  showSeen(shown, { network, classes: CLASSES }, choose);
}

function choose(chosen) {
  answer.chosen = chosen;
  show(answer);
  $('digits').children[chosen].focus();
}

function forget() {
  answer = null;
  setBusy(false);
  showNothing(EMPTY);
  forgetSeen();
  showError('');
  publish(null);
  tell();
}

// The sentence, once the pen has rested.
function tell() {
  clearTimeout(telling);
  context.say(''); // so that the same sentence is told again
  telling = setTimeout(() => context.say($('words').textContent), QUIET);
}

function showError(text) {
  $('error-text').textContent = text;
  $('error').hidden = text === '';
}

context.setStrokes = (strokes, brush) => {
  endDemo();
  pad.showStrokes(strokes, brush);
  $('width').value = pad.brush;
};

context.showError = showError;

context.readAgain = () => {
  if (!network || !answer?.digits.length) return;
  if (!pad.picture) readStrokes();
  else show({ ...answer, digits: answer.digits.map((one) => ({ ...one, reading: read(network, one.image) })) });
};

// ---- the pad

pad.addEventListener('begin', () => endDemo());
pad.addEventListener('change', () => {
  endDemo();
  newest += 1; // what was asked before is of another drawing
  showError('');
  context.overlay.getContext('2d').clearRect(0, 0, context.overlay.width, context.overlay.height);
  $('undo').setAttribute('aria-disabled', String(pad.past.length === 0)); // and not disabled, which would lose the focus
  $('redo').setAttribute('aria-disabled', String(pad.undone.length === 0));
  $('boxes').dataset.paper = pad.picture ? (pad.picture.dark ? 'dark' : 'light') : '';
  $('hint').hidden = !pad.empty;
  if (pad.picture) readPicture();
  else readSoon();
});
pad.addEventListener('say', (event) => { $('keys').textContent = event.detail; });

// ---- buttons and keys

$('more').addEventListener('click', () => {
  $('more-panel').hidden = !$('more-panel').hidden;
  $('more').setAttribute('aria-expanded', String(!$('more-panel').hidden));
  $('more-panel').scrollIntoView({ block: 'nearest' });
});
$('undo').addEventListener('click', () => pad.undo());
$('redo').addEventListener('click', () => pad.redo());
$('clear').addEventListener('click', () => pad.clear());
$('width').addEventListener('input', (event) => pad.widen(Number(event.target.value)));
$('eraser').addEventListener('click', (event) => {
  pad.erasing = !pad.erasing;
  event.currentTarget.setAttribute('aria-pressed', String(pad.erasing));
});
$('single')?.addEventListener('change', () => (pad.picture ? readPicture() : readSoon()));
$('error-close').addEventListener('click', () => showError(''));
$('steps-of').addEventListener('toggle', () => { if ($('steps-of').open && answer?.digits.length) showSteps(answer); });
$('explain').addEventListener('click', () => {
  if (answer?.digits.length) {
    $('network').scrollIntoView();
    $('network').focus({ preventScroll: true });
  } else {
    $('words').textContent = 'Draw a digit first: then I can show why I read it so.';
    $('summary').scrollIntoView({ block: 'nearest' });
    context.say($('words').textContent);
  }
});

document.addEventListener('keydown', (event) => {
  const typing = event.target.matches('input:not([type=range], [type=checkbox]), textarea, select');
  const control = event.ctrlKey || event.metaKey;
  const drawing = event.target === document.body || event.target.matches('#pad, .tools button');
  if (event.key === 'Escape' && drawing) pad.clear();
  else if (control && !event.altKey && event.key.toLowerCase() === 'z' && !typing) (event.shiftKey ? pad.redo() : pad.undo());
  else if (control && event.key.toLowerCase() === 'y' && !typing) pad.redo();
  else return;
  event.preventDefault();
});

// ---- pictures

async function attempt(work) {
  try {
    showError('');
    await work();
  } catch (error) {
    showError(error.message);
  }
}

function take(file) {
  if (!file) return;
  attempt(async () => {
    if (!config.pictures) throw new Error(NO_SERVER);
    pad.showPicture(await opened(file));
  });
}

$('file')?.addEventListener('change', (event) => {
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
$('random')?.addEventListener('click', () =>
  attempt(async () => {
    const { levels, label } = await testDigit(config.pictures);
    pad.showPicture({ ...(await ofLevels(levels, 28, 28)), levels, label });
  }),
);

// ---- the beginning

function demonstrate() {
  if (config.classes.length || !pad.empty || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const end = playDemo(
    (strokes) => {
      pad.showGhost(strokes);
      if (strokes.length) showAll({ digits: readDrawing(network, { strokes, brush: pad.brush }, true), chosen: 0 });
    },
    () => {},
  );
  endDemo = () => {
    endDemo = () => {};
    end();
    pad.showGhost([]);
  };
}

// The network is loaded, again if it did not come before, and what was drawn meanwhile is read.
async function start() {
  if (SERVED || starting) return;
  starting = true;
  if (!pad.empty) setBusy(true, 'Loading the network …');
  await attempt(async () => {
    network = await context.load(context.reader);
    if (pad.empty) demonstrate();
    else if (pad.picture) readPicture();
    else readSoon();
  });
  if (!network) $('words').textContent = pad.empty ? EMPTY : 'No answer.';
  setBusy(false);
  starting = false;
}

showClasses(CLASSES);
showNothing(EMPTY);
$('by').textContent = `Read by ${context.reader}, ${described(context.reader)}.`;
forgetSeen();
mountCompare(context);
mountParts(context);
$('loading').remove();
start();
keepForOffline(config);

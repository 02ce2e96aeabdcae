// "Keep it": the last drawings, a link that holds the drawing, and the result as a picture.

import { element } from '../dom.js';
import { areDigits } from '../engine/confidence.js';
import { paintStrokes } from '../paint.js';
import { number, sentence } from '../words.js';
import { asPNG, card } from './card.js';
import { keepHistory, onOthers, readHistory, withDrawing } from './history.js';
import { drawingOf, isLink, linkOf } from './link.js';
import { saved } from './saved.js';

const REST = 1200; // milliseconds without a change, after which a drawing is one to keep, if the pen is lifted
const SIDE = 96; // pixels of a small picture

export function mount(place, context) {
  const strip = element('div', { class: 'history', role: 'group', 'aria-label': 'Your last drawings' });
  const note = element('p', { class: 'quiet', role: 'status' });
  const link = element('input', { type: 'text', readonly: '', 'aria-label': 'Link to this drawing', hidden: '' });
  const [copy, send, clear] = ['Copy a link', 'Save as a picture', 'Forget all'].map((text) => element('button', { type: 'button' }, text));
  const last = element('div', { class: 'last' }, element('h3', {}, 'Your last drawings'), strip,
    element('p', { class: 'quiet' }, 'This browser keeps them, and nobody else has them.'), clear);
  const canShare = navigator.canShare?.({ files: [new File([''], 'a.png', { type: 'image/png' })] }) ?? false;
  if (canShare) send.textContent = 'Share as a picture';
  place.append(element('div', { class: 'tools' }, copy, send), link, note, last);
  let [all, resting, opened] = [readHistory(), 0, null];

  // ---- the last drawings

  function show() {
    last.hidden = all.length === 0;
    strip.replaceChildren(...all.map(thumbnail));
  }

  function thumbnail({ strokes, brush, read }) {
    const canvas = element('canvas', { width: SIDE, height: SIDE, 'aria-hidden': 'true' });
    const pen = canvas.getContext('2d');
    fit(pen, strokes, brush);
    paintStrokes(pen, strokes, brush, getComputedStyle(document.documentElement).getPropertyValue('--ink'));
    const made = element('button', { type: 'button', 'aria-label': `Put back the drawing that was read as ${read}` }, canvas, element('span', {}, read));
    made.addEventListener('click', () => {
      context.setStrokes(strokes, brush);
      document.getElementById('pad').scrollIntoView({ block: 'nearest' });
    });
    return made;
  }

  function add({ strokes, brush, digits, classes }) {
    all = withDrawing(all, { strokes, brush, read: number(digits.map(({ reading }) => reading), classes) });
    keepHistory(all);
    show();
  }

  onOthers(() => {
    all = readHistory();
    show();
  });

  clear.addEventListener('click', () => {
    all = [];
    keepHistory(all);
    show();
    context.say('Your last drawings are forgotten.');
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);

  // ---- the link

  copy.addEventListener('click', async () => {
    try {
      const { hash, apart } = linkOf(context.current);
      link.value = new URL(hash, location.href.split('#')[0]).href;
      link.hidden = false;
      const simpler = apart ? ` Its lines were made simpler, by up to ${apart} pixels, to fit into it.` : '';
      note.textContent = `${await copied(link) ? 'Copied.' : 'Copy it from here.'} The drawing is in the link itself.${simpler}`;
    } catch (error) {
      note.textContent = error.message;
    }
  });

  function openLink() {
    if (!isLink(location.hash)) return;
    try {
      const { strokes, brush } = drawingOf(location.hash);
      opened = JSON.stringify(strokes);
      context.setStrokes(strokes, brush);
    } catch (error) {
      context.showError(error.message);
    }
  }

  // The address is that of the drawing which it holds, and of no other.
  function leaveLink({ strokes }) {
    if (opened === null || JSON.stringify(strokes) === opened) return;
    opened = null;
    if (isLink(location.hash)) history.replaceState(null, '', location.pathname + location.search);
  }

  addEventListener('hashchange', openLink);

  // ---- the card

  send.addEventListener('click', async () => {
    const { digits, chosen, classes, strokes, brush, image, reading } = context.current;
    const readings = digits.map((one) => one.reading);
    const about = digits.length > 1 ? `The bars are of digit ${chosen + 1} of ${digits.length}.` : '';
    const shown = { name: number(readings, classes), sentence: sentence(readings, classes, areDigits(classes)) };
    const canvas = card({ strokes, brush, image, about, classes, probabilities: reading.probabilities, digit: reading.digit, ...shown });
    await give(await asPNG(canvas), shown.sentence);
  });

  async function give(blob, title) {
    if (!canShare) {
      saved(blob, 'drawing.png');
      note.textContent = 'Saved as drawing.png.';
      return;
    }
    try {
      await navigator.share({ files: [new File([blob], 'drawing.png', { type: 'image/png' })], title });
    } catch (error) {
      if (error.name !== 'AbortError') saved(blob, 'drawing.png'); // shared with nobody is no failure
    }
  }

  // ----

  context.onReading((current) => {
    clearTimeout(resting);
    link.hidden = true;
    note.textContent = '';
    copy.hidden = !current?.strokes;
    send.hidden = !current;
    note.hidden = !current;
    if (!current?.strokes) return;
    leaveLink(current);
    if (!current.isDrawn) resting = setTimeout(() => add(current), REST);
  });
  copy.hidden = send.hidden = !context.current;
  show();
  openLink();
}

// Lets a pen draw the strokes as large as they fit into a small picture.
function fit(pen, strokes, brush) {
  const along = [0, 1].map((axis) => strokes.flat().map((point) => point[axis]));
  const [low, high] = [Math.min, Math.max].map((choose) => along.map((values) => choose(...values)));
  const scale = (SIDE - 12) / Math.max(high[0] - low[0] + brush, high[1] - low[1] + brush, 6 * brush);
  pen.translate(SIDE / 2, SIDE / 2);
  pen.scale(scale, scale);
  pen.translate(-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2);
}

// Whether the text of a field could be copied; if not, it is selected.
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.select();
    return false;
  }
}

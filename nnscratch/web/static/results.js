// The answer: the digit, a sentence, a bar for each class, and where on the pad each digit was found.

import { bars } from './bars.js';
import { $, element } from './dom.js';
import { called, isRead, number, percent, sentence } from './words.js';

const LONG = 3; // characters of an answer that has not the largest size
const ROOM = 36; // canvas pixels beside a digit, in which its name stands

let chart = null; // the bars

// Before anything else: the classes that may be read.
export function showClasses(classes) {
  chart = bars(classes);
  $('bars').replaceChildren(chart.place);
}

// Nothing was read, and why in a sentence.
export function showNothing(words, kind = 'empty') {
  fill({ big: '–', words, kind });
  chart.show(null);
  $('boxes').replaceChildren();
}

// digits: what readDrawing found; chosen: the place of the one whose bars are shown; label: what a test digit is.
// isDrawn: the pen is not lifted yet, and what is no digit may become one.
export function showAnswer({ digits, chosen, label }, { classes, areDigits, isDrawn }) {
  const readings = digits.map((one) => one.reading);
  const one = digits.length === 1;
  const early = isDrawn && one && !isRead(readings[0]);
  fill({
    big: early ? '…' : number(readings, classes),
    words: early ? 'Go on …' : sentence(readings, classes, areDigits),
    kind: worst(readings),
    small: label !== undefined ? `Its label says ${label}.` : early ? '' : one ? details(readings[0], classes, areDigits) : `Digit ${chosen + 1} of ${digits.length}: ${share(readings[chosen], classes)}`,
  });
  chart.show(readings[chosen]);
  $('boxes').replaceChildren(...(one ? [] : digits.map((digit, k) => box(digit, classes, k === chosen))));
}

// A line under the sentence; that of a doubtful answer says it all.
function details(reading, classes, areDigits) {
  if (reading.verdict === 'unsure') return '';
  if (isRead(reading)) return `Confidence ${percent(reading.confidence)}`;
  return `If anything, ${called(classes[reading.digit], areDigits)} (${percent(reading.confidence)})`;
}

const share = ({ digit, confidence }, classes) => `${classes[digit]}, ${percent(confidence)}`;

const worst = (readings) => {
  if (!readings.every(isRead)) return 'none';
  return readings.every(({ verdict }) => verdict === 'sure') ? 'sure' : 'unsure';
};

function fill({ big, words, kind, small = '' }) {
  $('big').textContent = big;
  if (big.length > LONG) $('big').dataset.long = big.length > 12 ? 'very' : 'yes';
  else delete $('big').dataset.long;
  $('big').toggleAttribute('data-three', big.length === LONG);
  $('words').textContent = words;
  $('confidence').textContent = small;
  $('summary').dataset.kind = kind;
}

function box({ box: [left, top, width, height], reading }, classes, isChosen) {
  const beside = left < ROOM ? 'after' : 'before';
  const name = element('b', { class: top < ROOM ? beside : 'above' }, number([reading], classes));
  const made = element('span', { class: isChosen ? 'box chosen' : 'box' }, name);
  made.dataset.verdict = reading.verdict;
  const share = (pixels) => `${pixels / 5}%`; // of 500
  Object.assign(made.style, { left: share(left - 4), top: share(top - 4), width: share(width + 8), height: share(height + 8) });
  return made;
}

// What the page was told: drawings and what they were. The browser keeps them, and they can be taken along as a file for
// `nnscratch train --add`: data/drawings.py.

import { drawingOrNull } from '../keep/drawing.js';
import { keep, kept, onChange } from '../storage.js';

const NAME = 'nnscratch-corrections';
const MOST = 500;
const CANVAS = 500;

const isLabel = (label) => Number.isInteger(label) && label >= 0 && label <= 9;

// Those that the browser kept, and of that only what is none the worse for it.
export function readCorrections() {
  const all = kept(NAME);
  if (!Array.isArray(all)) return [];
  return all.slice(-MOST).flatMap((one) => {
    const drawing = one && isLabel(one.label) ? drawingOrNull(one) : null;
    return drawing ? [entry(drawing, one.label)] : [];
  });
}

// fn is called when another tab has changed them.
export const onOthers = (fn) => onChange(NAME, fn);

// Returns whether the browser keeps them.
export const keepCorrections = (corrections) => keep(NAME, corrections.length ? corrections : null);

const rounded = (strokes) => strokes.map((stroke) => stroke.map((point) => point.map((value) => Math.round(10 * value) / 10)));

export const entry = ({ strokes, brush }, label) => ({ label, strokes: rounded(strokes), box: [CANVAS, CANVAS], brush, writer: 'page' });

// With one more, in place of what was said of the same drawing before; the oldest go when there are too many.
export function withOne(corrections, one) {
  const strokes = JSON.stringify(one.strokes);
  return [...corrections.filter((other) => JSON.stringify(other.strokes) !== strokes), one].slice(-MOST);
}

export const asFile = (corrections) => new Blob([JSON.stringify(corrections)], { type: 'application/json' });

// The last drawings, which the browser keeps.

import { keep, kept, onChange } from '../storage.js';
import { drawingOrNull } from './drawing.js';

const NAME = 'nnscratch-drawings';
const MOST = 24;

// [{ strokes, brush, read: what was read, as text }, ...], the newest first; of what was kept, only what is a drawing.
export function readHistory() {
  const all = kept(NAME);
  if (!Array.isArray(all)) return [];
  return all.slice(0, MOST).flatMap((one) => {
    const drawing = one && drawingOrNull(one);
    return drawing ? [{ ...drawing, read: String(one.read).slice(0, 40) }] : [];
  });
}

// fn is called when another tab has changed it.
export const onOthers = (fn) => onChange(NAME, fn);

// Returns whether the browser keeps it.
export const keepHistory = (all) => keep(NAME, all.length ? all : null);

const rounded = (strokes) => strokes.map((stroke) => stroke.map((point) => point.map((value) => Math.round(10 * value) / 10)));

// With one more. A drawing that was gone on with is still the same one: it begins at the same point.
export function withDrawing(all, { strokes, brush, read }) {
  const one = { strokes: rounded(strokes), brush, read };
  const begin = ({ strokes: [[first]] }) => first.join();
  const others = all.filter((other) => begin(other) !== begin(one));
  return others.length < all.length ? all.map((other) => (begin(other) === begin(one) ? one : other)) : [one, ...all].slice(0, MOST);
}

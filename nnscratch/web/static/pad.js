// The drawing: strokes in canvas pixels, from pointers or keys, with undo, redo and an eraser; or a picture.

import { erased } from './eraser.js';
import { paint } from './paint.js';

const STEP = 10; // canvas pixels that an arrow key moves the brush; with Shift five times as many
const [REACH, LEAST_REACH] = [0.75, 12]; // of the eraser: brushes, and pixels
const KEPT = 200; // steps that can be undone

export class Pad extends EventTarget {
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.size = canvas.width; // the drawing's own pixels, whatever the screen has
    this.strokes = []; // [[x, y], ...] each; lists are replaced, never changed, but for the one that is being drawn
    this.picture = null; // in place of strokes: a file, or a test digit
    this.ghost = []; // strokes that are shown and not drawn
    this.past = [];
    this.undone = [];
    this.brush = 24;
    this.erasing = false;
    this.last = null; // the last point of the stroke that is being drawn
    this.pointer = null;
    this.cursor = [this.size / 2, this.size / 2];
    this.penDown = false;
    this.#listen();
    this.#fit();
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  get empty() {
    return this.strokes.length === 0 && !this.picture;
  }

  // The pen is down.
  get drawing() {
    return this.last !== null;
  }

  clear() {
    if (!this.empty) this.#replace([], null);
  }

  showPicture(picture) {
    this.#replace([], picture);
  }

  showStrokes(strokes, brush = this.brush) {
    this.brush = brush;
    this.#replace(strokes, null);
  }

  showGhost(strokes) {
    this.ghost = strokes;
    this.draw();
  }

  widen(brush) {
    this.brush = brush;
    this.#changed();
  }

  undo() {
    this.#step(this.past, this.undone);
  }

  redo() {
    this.#step(this.undone, this.past);
  }

  #step(from, to) {
    if (from.length === 0) return;
    this.#stop();
    to.push({ strokes: this.strokes, picture: this.picture });
    Object.assign(this, from.pop());
    this.#changed();
  }

  #replace(strokes, picture) {
    this.#stop();
    this.#remember();
    Object.assign(this, { strokes, picture });
    this.#changed();
  }

  #remember() {
    this.past.push({ strokes: this.strokes, picture: this.picture });
    if (this.past.length > KEPT) this.past.shift();
    this.undone = [];
  }

  #changed() {
    this.draw();
    this.dispatchEvent(new Event('change'));
  }

  // ---- pointers

  #listen() {
    const canvas = this.canvas;
    canvas.addEventListener('pointerdown', (event) => {
      if (this.pointer !== null || event.button !== 0) return; // a second finger, another button
      event.preventDefault();
      this.#lift();
      canvas.dataset.pointer = ''; // no ring around what a pointer draws on
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.#begin(this.#place(event));
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.#extend(this.#place(one));
      this.#changed();
    });
    const end = (event) => {
      if (event.pointerId !== this.pointer) return;
      this.pointer = null;
      this.#end();
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('lostpointercapture', end);
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('focus', () => this.draw());
    canvas.addEventListener('blur', () => {
      delete canvas.dataset.pointer;
      this.#lift();
      this.draw();
    });
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const style = getComputedStyle(this.canvas);
    const left = box.left + parseFloat(style.borderLeftWidth);
    const top = box.top + parseFloat(style.borderTopWidth);
    const scale = this.size / this.canvas.clientWidth;
    return [(event.clientX - left) * scale, (event.clientY - top) * scale].map(round);
  }

  // On a picture a new drawing begins.
  #begin(point) {
    this.ghost = [];
    if (this.erasing && this.picture) {
      this.#say('strokes can be erased, and this is a picture');
      return;
    }
    this.#remember();
    this.picture = null;
    this.last = point;
    if (this.erasing) this.#erase(point, point);
    else this.strokes = [...this.strokes, [point]];
    this.dispatchEvent(new Event('begin'));
    this.#changed();
  }

  #extend(point) {
    if (!this.last || Math.hypot(point[0] - this.last[0], point[1] - this.last[1]) < 1) return;
    if (this.erasing) this.#erase(this.last, point);
    else this.strokes.at(-1).push(point);
    this.last = point;
  }

  #erase(from, to) {
    this.strokes = erased(this.strokes, from, to, Math.max(REACH * this.brush, LEAST_REACH));
  }

  #end() {
    this.last = null;
    this.#changed();
    this.dispatchEvent(new Event('end'));
  }

  // Let go of the stroke that is being drawn, wherever it is: what the pointer does before it rises draws nothing.
  #stop() {
    this.last = null;
    this.pointer = null;
    if (this.penDown) this.#say('brush up');
    this.penDown = false;
  }

  // ---- keys

  #key(event) {
    if (this.pointer !== null) return; // one hand at a time
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves || event.key === ' ') delete this.canvas.dataset.pointer;
    if (event.key in moves) {
      const inside = (value) => Math.min(Math.max(value, 0), this.size);
      this.cursor = this.cursor.map((value, axis) => inside(value + moves[event.key][axis]));
      if (this.penDown) {
        this.#extend(this.cursor);
        this.#changed();
      }
      this.draw();
      this.#say(`${this.penDown ? 'drawing' : 'brush'} at ${round(this.cursor[0])}, ${round(this.cursor[1])}`);
    } else if (event.key === ' ') {
      if (this.penDown) {
        this.#lift();
        this.#say('brush up');
      } else {
        this.penDown = true;
        this.#begin([...this.cursor]);
        this.#say('brush down');
      }
    } else {
      return;
    }
    event.preventDefault();
  }

  #lift() {
    if (!this.penDown) return;
    this.penDown = false;
    this.#end();
  }

  #say(text) {
    this.dispatchEvent(new CustomEvent('say', { detail: text }));
  }

  // ---- the screen

  #fit() {
    const pixels = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (pixels && this.canvas.width !== pixels) {
      this.canvas.width = pixels;
      this.canvas.height = pixels;
    }
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext('2d');
    const style = getComputedStyle(this.canvas);
    const [paper, ink, faint, accent] = ['--paper', '--ink', '--faint', '--accent'].map((name) => style.getPropertyValue(name));
    const scale = this.canvas.width / this.size;
    paint(context, this, { paper, ink, faint }, scale);
    const keyboard = document.activeElement === this.canvas && !('pointer' in this.canvas.dataset);
    if (keyboard || this.penDown) {
      context.strokeStyle = accent;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...this.cursor, this.brush / 2 + 3, 0, 7);
      context.stroke();
    }
  }
}

const round = (value) => Math.round(10 * value) / 10;

// The drawing: strokes in canvas pixels, from pointers or keys, with undo, redo and an eraser.

import { onPaper, paint, painted, place } from './paint.js';

const STEP = 10; // canvas pixels that an arrow key moves the brush; with Shift five times as many

export class Pad extends EventTarget {
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.size = canvas.width; // the drawing's own pixels, whatever the screen has
    this.strokes = []; // {points: [[x, y], ...], width, erase}
    this.picture = null; // under the strokes, with its paper and ink: a file, or a test digit
    this.undone = [];
    this.width = 24;
    this.erasing = false;
    this.current = null;
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

  clear() {
    if (this.empty) return;
    this.#stop();
    this.#remember({ strokes: this.strokes, picture: this.picture });
    this.strokes = [];
    this.picture = null;
    this.#changed();
  }

  show(bitmap) {
    this.#stop();
    this.#remember({ strokes: this.strokes, picture: this.picture });
    this.strokes = [];
    this.picture = onPaper(bitmap);
    this.#changed();
  }

  undo() {
    if (this.past.length === 0) return;
    this.#stop();
    this.undone.push({ strokes: this.strokes, picture: this.picture });
    Object.assign(this, this.past.pop());
    this.#changed();
  }

  redo() {
    if (this.undone.length === 0) return;
    this.#stop();
    this.past.push({ strokes: this.strokes, picture: this.picture });
    Object.assign(this, this.undone.pop());
    this.#changed();
  }

  past = [];

  #remember(state) {
    this.past.push(state);
    if (this.past.length > 200) this.past.shift();
    this.undone = [];
  }

  #changed() {
    this.draw();
    this.dispatchEvent(new Event('change'));
  }

  // ---- what the server gets: strokes where that says it all, a picture where it does not

  // The part of the canvas that is asked about: a picture on which nothing was drawn goes as it is.
  get frame() {
    return this.picture && this.strokes.length === 0 ? place(this.picture, this.size) : this.#whole(1);
  }

  async question() {
    const plain = !this.picture && this.strokes.every((stroke) => !stroke.erase && stroke.width === this.strokes[0].width);
    if (plain) {
      return {
        strokes: this.strokes.map((stroke) => stroke.points.map(([x, y]) => [round(x), round(y)])),
        brush: this.strokes[0]?.width ?? this.width,
      };
    }
    return { image: await painted(this, this.picture ?? { paper: '#fff', ink: '#000' }, this.frame) };
  }

  #whole(scale) {
    return { left: 0, top: 0, width: this.size, height: this.size, scale };
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
      this.draw();
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
    return [(event.clientX - left) * scale, (event.clientY - top) * scale];
  }

  #begin(point) {
    this.current = { points: [point], width: this.width, erase: this.erasing };
    this.#remember({ strokes: this.strokes, picture: this.picture });
    this.strokes = [...this.strokes, this.current];
    this.draw();
    this.dispatchEvent(new Event('begin'));
  }

  #extend(point) {
    const [x, y] = this.current.points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= 1) this.current.points.push(point);
  }

  #end() {
    this.current = null;
    this.#changed();
  }

  // Let go of the stroke that is being drawn, wherever it is: what the pointer does before it rises draws nothing.
  #stop() {
    this.current = null;
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
      if (this.penDown) this.#extend(this.cursor);
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
    const [paper, ink, accent] = ['--paper', '--ink', '--accent'].map((name) => style.getPropertyValue(name));
    paint(context, this, this.picture ?? { paper, ink }, this.#whole(this.canvas.width / this.size));
    const keyboard = document.activeElement === this.canvas && !('pointer' in this.canvas.dataset);
    if (keyboard || this.penDown) {
      context.strokeStyle = accent;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...this.cursor, this.width / 2 + 3, 0, 7);
      context.stroke();
    }
  }
}

const round = (value) => Math.round(10 * value) / 10;

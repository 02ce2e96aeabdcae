// The drawing: strokes in canvas pixels, from pointers or keys, with undo, redo and an eraser.

const STEP = 10; // canvas pixels that an arrow key moves the brush; with Shift five times as many

export class Pad extends EventTarget {
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.size = canvas.width; // the drawing's own pixels, whatever the screen has
    this.strokes = []; // {points: [[x, y], ...], width, erase}
    this.picture = null; // an ImageBitmap under the strokes: a file, or a test digit
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
    this.#remember({ strokes: this.strokes, picture: this.picture });
    this.strokes = [];
    this.picture = null;
    this.#changed();
  }

  show(picture) {
    this.#remember({ strokes: this.strokes, picture: this.picture });
    this.strokes = [];
    this.picture = picture;
    this.#changed();
  }

  undo() {
    if (this.past.length === 0) return;
    this.undone.push({ strokes: this.strokes, picture: this.picture });
    Object.assign(this, this.past.pop());
    this.#changed();
  }

  redo() {
    if (this.undone.length === 0) return;
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

  question() {
    const plain = !this.picture && this.strokes.every((stroke) => !stroke.erase && stroke.width === this.strokes[0].width);
    if (plain) {
      return {
        strokes: this.strokes.map((stroke) => stroke.points.map(([x, y]) => [round(x), round(y)])),
        brush: this.strokes[0]?.width ?? this.width,
      };
    }
    const canvas = new OffscreenCanvas(this.size, this.size);
    this.#paint(canvas.getContext('2d'), 1, '#000', '#fff');
    return canvas.convertToBlob({ type: 'image/png' }).then(dataURL).then((image) => ({ image }));
  }

  // ---- pointers

  #listen() {
    const canvas = this.canvas;
    canvas.addEventListener('pointerdown', (event) => {
      if (this.pointer !== null || event.button !== 0) return; // a second finger, another button
      event.preventDefault();
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

  // ---- keys

  #key(event) {
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
    const scale = this.canvas.width / this.size;
    this.#paint(context, scale, style.getPropertyValue('--paper'), style.getPropertyValue('--ink'));
    const keyboard = document.activeElement === this.canvas && !('pointer' in this.canvas.dataset);
    if (keyboard || this.penDown) {
      context.strokeStyle = style.getPropertyValue('--accent');
      context.lineWidth = 2 * scale;
      context.beginPath();
      context.arc(this.cursor[0] * scale, this.cursor[1] * scale, (this.width / 2 + 3) * scale, 0, 7);
      context.stroke();
    }
  }

  #paint(context, scale, paper, ink) {
    context.fillStyle = paper;
    context.fillRect(0, 0, this.size * scale, this.size * scale);
    if (this.picture) {
      const factor = Math.min(this.size / this.picture.width, this.size / this.picture.height) * scale;
      const [width, height] = [this.picture.width * factor, this.picture.height * factor];
      context.imageSmoothingEnabled = factor < 4;
      context.drawImage(this.picture, (this.size * scale - width) / 2, (this.size * scale - height) / 2, width, height);
    }
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (const { points, width, erase } of this.strokes) {
      context.strokeStyle = context.fillStyle = erase ? paper : ink;
      context.lineWidth = width * scale;
      context.beginPath();
      const [x, y] = points[0];
      if (points.length === 1) {
        context.arc(x * scale, y * scale, (width / 2) * scale, 0, 7); // a tap is a dot
        context.fill();
        continue;
      }
      context.moveTo(x * scale, y * scale);
      for (const [px, py] of points.slice(1)) context.lineTo(px * scale, py * scale);
      context.stroke();
    }
  }
}

const round = (value) => Math.round(10 * value) / 10;

export function dataURL(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error('the picture cannot be read'));
    reader.readAsDataURL(blob);
  });
}

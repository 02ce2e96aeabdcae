// What the widgets of the chapters share. A widget is one file, NAME.js, which says
//
//   Play.widget("NAME", (element) => { ... });
//
// and fills every <div class="play" data-play="NAME"> of the page. Classic scripts, since browsers load no modules from
// file://. Everything a widget shows is reached with a mouse, a finger and the keyboard, and drawn in the page's colours.
"use strict";

const Play = (() => {
  const redraws = new Set();

  function ready(then) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", then);
    else then();
  }

  /** Let `mount(element)` fill each place on the page that is marked for this widget. */
  function widget(name, mount) {
    ready(() => {
      for (const element of document.querySelectorAll(`.play[data-play="${name}"]`)) {
        element.setAttribute("role", "group");
        element.setAttribute("aria-label", element.textContent.trim());
        element.replaceChildren();
        mount(element);
      }
    });
  }

  /** Return a new element, with attributes, inside `parent`. */
  function add(parent, tag, attributes = {}, text = "") {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  /** Return a line of controls: they wrap where the screen is narrow. */
  const row = (parent) => add(parent, "div", { class: "play-row" });

  /** Return the colours of play.css as they are now: ink, soft, line, sheet, key, mark, good, low, high. */
  function colors(element) {
    const style = getComputedStyle(element);
    const names = ["ink", "soft", "line", "sheet", "key", "mark", "good"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--play-${name}`).trim()]));
  }

  /**
   * Return a canvas as wide as `parent` (at most `width`), `ratio` times as high, that is drawn sharp on every screen.
   *
   * `draw(context, width, height, colors)` works in CSS pixels. It is called again when the size or the theme changes,
   * and by `surface.redraw()`, at most once a frame. `label` says what is to be seen.
   */
  function canvas(parent, { label, draw, ratio = 0.6, width = 640 }) {
    const element = add(parent, "canvas", { role: "img", "aria-label": label, class: "play-canvas" });
    element.style.maxWidth = `${width}px`;
    const surface = { element, width: 0, height: 0, redraw };
    let asked = false;
    function paint() {
      asked = false;
      const scale = window.devicePixelRatio || 1;
      surface.width = Math.max(1, element.clientWidth);
      surface.height = Math.round(surface.width * (typeof ratio === "function" ? ratio(surface.width) : ratio));
      element.style.height = `${surface.height}px`;
      element.width = Math.round(surface.width * scale);
      element.height = Math.round(surface.height * scale);
      const context = element.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.font = "13px system-ui, sans-serif";
      draw(context, surface.width, surface.height, colors(parent));
    }
    function redraw() {
      if (!asked) requestAnimationFrame(paint);
      asked = true;
    }
    redraws.add(redraw);
    new ResizeObserver(redraw).observe(parent);
    redraw();
    return surface;
  }

  ready(() => {
    const all = () => redraws.forEach((redraw) => redraw());
    new MutationObserver(all).observe(document.body, { attributes: true, attributeFilter: ["data-theme", "class"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  });

  let count = 0;

  /**
   * Return a slider with its label and value. `powers`: it moves over exponents of 10, evenly.
   *
   * `change(value)` is called when the reader moves it. `slider.value` is what it says; `slider.set(value)` moves it.
   */
  function slider(parent, { label, min, max, value, step = "any", powers = false, format = number, change = () => {} }) {
    const box = add(parent, "div", { class: "play-slider" });
    const id = `play-${++count}`;
    add(box, "label", { for: id }, label);
    const inside = powers ? Math.log10 : (x) => x;
    const outside = powers ? (x) => 10 ** x : (x) => x;
    const input = add(box, "input", { type: "range", id, min: inside(min), max: inside(max), step });
    const shown = add(box, "output", { for: id });
    const made = {
      input,
      get value() {
        return outside(Number(input.value));
      },
      set(next) {
        input.value = inside(next);
        show();
      },
    };
    function show() {
      shown.textContent = format(made.value);
      input.setAttribute("aria-valuetext", shown.textContent);
    }
    input.addEventListener("input", () => {
      show();
      change(made.value);
    });
    made.set(value);
    return made;
  }

  /** Return a list to choose from: `options` is {value: text}; `change(value)`. */
  function choice(parent, { label, options, value, change = () => {} }) {
    const box = add(parent, "label", { class: "play-choice" }, `${label} `);
    const select = add(box, "select");
    for (const [key, text] of Object.entries(options)) add(select, "option", { value: key }, text);
    select.value = value;
    select.addEventListener("change", () => change(select.value));
    return select;
  }

  /** Return a button. */
  function button(parent, text, press) {
    const made = add(parent, "button", { type: "button" }, text);
    made.addEventListener("click", press);
    return made;
  }

  /** Return a line of text that is read aloud when it changes, where `quiet` is not set. */
  const text = (parent, { quiet = false } = {}) =>
    add(parent, "p", { class: "play-text", ...(quiet ? {} : { "aria-live": "polite" }) });

  /**
   * Let a point of the canvas be dragged: `move(x, y)` with CSS pixels for a mouse, pen or finger; `nudge(dx, dy)` for
   * an arrow key, with steps of 1 to the right and up (of 10 with Shift). `label` says what the arrow keys move. Where
   * `inside(x, y)` is false a finger scrolls the page, as everywhere else.
   */
  function drag(surface, { label, move, nudge, inside = () => true }) {
    const { element } = surface;
    element.tabIndex = 0;
    element.setAttribute("role", "application");
    element.setAttribute("aria-label", `${element.getAttribute("aria-label")} ${label}`);
    element.classList.add("play-drag");
    const at = (event) => {
      const box = element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let held = null; // the pointer that drags: a finger is captured by itself, wherever it comes down
    element.addEventListener("pointerdown", (event) => {
      if (!inside(...at(event))) return;
      held = event.pointerId;
      element.setPointerCapture(held);
      move(...at(event));
    });
    element.addEventListener("pointermove", (event) => event.pointerId === held && move(...at(event)));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (held = null));
    const stay = (event) => inside(...at(event.touches[0])) && event.preventDefault(); // or the page would scroll
    element.addEventListener("touchstart", stay, { passive: false });
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    element.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      const [dx, dy] = keys[event.key].map((d) => d * (event.shiftKey ? 10 : 1));
      nudge(dx, dy);
    });
  }

  /**
   * Return {start, stop, running}: while it runs, `step()` is called each frame, until it returns false or stop().
   * It pauses where the widget cannot be seen. `changed(running)` tells when it starts and stops.
   */
  function animation(element, step, changed = () => {}) {
    const made = { running: false, start, stop };
    let seen = true;
    new IntersectionObserver(([entry]) => (seen = entry.isIntersecting)).observe(element);
    function frame() {
      if (!made.running) return;
      if (seen && step() === false) stop();
      else requestAnimationFrame(frame);
    }
    function start() {
      if (made.running) return;
      made.running = true;
      changed(true);
      requestAnimationFrame(frame);
    }
    function stop() {
      made.running = false;
      changed(false);
    }
    return made;
  }

  /** Return a function that gives numbers in [0, 1), the same ones for the same seed (mulberry32, public domain). */
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** Return a number as text of `digits` significant digits, with a real minus sign. */
  function number(x, digits = 3) {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "−∞";
    const size = Math.abs(x);
    const plain = size !== 0 && (size < 1e-3 || size >= 1e5) ? x.toExponential(digits - 1) : String(+x.toPrecision(digits));
    return plain.replace("e+", "e").replaceAll("-", "−");
  }

  return { widget, add, row, colors, canvas, slider, choice, button, text, drag, animation, random, number };
})();

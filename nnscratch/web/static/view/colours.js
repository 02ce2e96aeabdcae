// What a number looks like: forward from dark to the white of ink (violet below 0), backward orange above 0 and blue
// below it, which people who see fewer colours tell apart too.

const ZERO = [30, 36, 48];
const RAMPS = { forward: { above: [250, 247, 238], below: [160, 122, 245] }, backward: { above: [245, 150, 65], below: [75, 160, 250] } };
const STEPS = 255;

const mixed = (to, share) => ZERO.map((from, k) => Math.round(from + (to[k] - from) * share));

// WCAG 2.2, relative luminance
const linear = (level) => (level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

function table({ above, below }, curve) {
  const levels = Array.from({ length: 2 * STEPS + 1 }, (_, k) => {
    const value = (k - STEPS) / STEPS;
    return mixed(value < 0 ? below : above, curve(Math.abs(value)));
  });
  return {
    ink: levels.map((rgb) => (luminance(rgb) > 0.179 ? '#000' : '#fff')), // at least 4.5 : 1, whatever the level
    css: levels.map(([r, g, b]) => `rgb(${r} ${g} ${b})`),
    bytes: levels.map(([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0),
  };
}

// Small slopes show too.
const TABLES = { forward: table(RAMPS.forward, (x) => x), backward: table(RAMPS.backward, Math.sqrt) };

// [direction]: css(value), ink(value), which is read on it, and bytes(value), of a value in -1..1.
const place = (value) => STEPS + Math.round(STEPS * Math.min(Math.max(value, -1), 1));
export const css = (direction, value) => TABLES[direction].css[place(value)];
export const ink = (direction, value) => TABLES[direction].ink[place(value)];
export const bytes = (direction, value) => TABLES[direction].bytes[place(value)];
export const line = (direction, value) => `rgb(${RAMPS[direction][value < 0 ? 'below' : 'above'].join(' ')})`;

export const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

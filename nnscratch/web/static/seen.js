// What the network saw: three pictures of the way from the ink to 28 x 28 pixels, and on demand every step.

import { $, element } from './dom.js';
import { picture } from './images.js';
import { number } from './words.js';

const FIELD = 28;
const FINE = 4; // pixels of "centred" for each of the 28
const STEPS = {
  grey: ['Grey', 'The picture without its colours.'],
  sheet: ['The sheet', 'What lies around the paper is cut off.'],
  even: ['Even light', 'Shadows are taken out.'],
  ink: ['Ink', 'Paper is 0, and ink is 1, whatever their colours are.'],
  writing: ['Writing', 'Lines of the paper and specks are left out.'],
  cropped: ['Your ink', 'The part with ink, cut out.'],
  strokes: ['Even strokes', 'As thick as the digits are that I learnt from.'],
  scaled: ['Scaled', 'The longer side has 20 pixels, and the ink is at full strength.'],
  square: ['Square', 'The whole picture, with 28 x 28 pixels.'],
  mnist: ['28 x 28', 'In the middle of 28 x 28 pixels: its centre of mass is theirs.'],
};
const THREE = {
  ink: ['Your ink', 'What you drew.'],
  centred: ['Centred', 'As large, as thick and as central as the digits that I learnt from.'],
  pixels: ['28 x 28', 'All that I see of it: 784 numbers.'],
};

const onValue = (text) => { $('value').textContent = text; };

// of: { digits, chosen, stages }; stages are the server's, of a picture. choose(place) is called for one of several.
export function showSeen({ digits, chosen, stages }, { network, classes }, choose) {
  const one = digits[chosen];
  const shown = network ? network.forward(one.image).image : one.image;
  $('three').replaceChildren(...three(one, shown).map(figure));
  $('digits').replaceChildren(...(digits.length > 1 ? digits.map((digit, k) => choice(digit, k, k === chosen, classes, choose)) : []));
  if ($('steps-of').open) showSteps({ digits, chosen, stages });
}

export function showSteps({ digits, chosen, stages }) {
  $('steps').replaceChildren(...(stages ?? stepsOf(digits[chosen])).map(({ name, ...image }) => figure([STEPS[name] ?? [name, ''], image])));
}

export function forgetSeen() {
  for (const id of ['digits', 'steps']) $(id).replaceChildren();
  $('three').replaceChildren(...Object.values(THREE).map(blank)); // their places, so that nothing moves
  onValue('');
}

function three({ image, steps }, shown) {
  const pixels = [THREE.pixels, { pixels: shown, width: FIELD, height: FIELD }];
  if (!steps) return [pixels];
  const made = [[THREE.ink, levels(steps.cropped)]];
  return steps.strokes ? [...made, [THREE.centred, centred(steps.strokes)], pixels] : [...made, pixels];
}

function stepsOf({ image, steps }) {
  const before = Object.entries(steps ?? {}).filter(([name]) => name !== 'mnist');
  return [...before.map(([name, step]) => ({ name, ...levels(step) })), { name: 'mnist', pixels: image, width: FIELD, height: FIELD }];
}

const levels = ({ picture: ink, width, height }) => ({ pixels: Uint8Array.from(ink, (value) => 255 * Math.min(value, 1)), width, height });

// Ink as large in its square as it is in 28 x 28 pixels, and with its centre of mass in the middle.
function centred(ink) {
  const { pixels, width, height } = levels(ink);
  const side = FIELD * FINE;
  const scale = (20 * FINE) / Math.max(width, height);
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((level, k) => {
    mass += level;
    x += level * (k % width);
    y += level * Math.floor(k / width);
  });
  const [left, top] = [side / 2 - (x / mass) * scale, side / 2 - (y / mass) * scale];
  const field = new Uint8Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [fromX, fromY] = [Math.floor((column - left) / scale), Math.floor((row - top) / scale)];
      if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) field[row * side + column] = pixels[fromY * width + fromX];
    }
  }
  return { pixels: field, width: side, height: side };
}

const blank = (words) => element('figure', { class: 'blank' }, element('canvas', { width: FIELD, height: FIELD }), caption(words));

const caption = ([title, sentence]) => element('figcaption', {}, element('strong', {}, title), ` ${sentence}`);

const figure = ([words, image]) => element('figure', {}, picture(image, words[0], onValue), caption(words));

function choice({ image, reading }, k, isChosen, classes, choose) {
  const read = number([reading], classes);
  const label = element('span', {}, read);
  const button = element('button', { type: 'button', class: 'digit', 'aria-pressed': String(isChosen), 'aria-label': `digit ${k + 1}: ${read}, ${reading.verdict}` },
    picture({ pixels: image, width: FIELD, height: FIELD }, '', () => {}), label);
  button.addEventListener('click', () => choose(k));
  return button;
}

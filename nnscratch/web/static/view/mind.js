// What would change its mind: the smallest change of ink that is read as another digit, on the pad and beside it.

import { areDigits, reading } from '../engine/confidence.js';
import { element } from '../dom.js';
import { smallestChange, winner } from './change.js';
import { css, largest, line } from './colours.js';
import { options } from './controls.js';
import { clearOverlay, showOnPad } from './overlay.js';

const PAUSE = 250; // milliseconds without a new reading, before it is looked for
const LEAD = 'The least ink to add or take away, so that it reads something else.';

export function mount(place, context) {
  const button = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Show me');
  const list = element('select', {});
  const asking = element('div', { class: 'asking' }, button, element('label', { class: 'target' }, 'to ', list));
  const told = element('p', { class: 'told' });
  const pictures = element('div', { class: 'pictures' });
  place.append(element('div', { class: 'mind' }, element('p', { class: 'lead' }, LEAD), asking, told, pictures));
  let [isOn, isOnPad, timer, classes] = [false, false, 0, null];
  let newest = 0; // the number of the newest question

  function setOn(on) {
    isOn = on;
    button.setAttribute('aria-pressed', String(on));
    button.textContent = on ? 'Hide' : 'Show me';
    if (on) look();
    else forget();
  }

  function forget() {
    stop();
    told.textContent = '';
    pictures.replaceChildren();
  }

  function stop() {
    newest += 1;
    clearTimeout(timer);
    if (isOnPad) clearOverlay(context);
    isOnPad = false;
  }

  function onReading(current) {
    stop();
    asking.hidden = !current;
    if (!current) {
      forget();
      return;
    }
    offer(current);
    pictures.classList.add('old'); // until the new one is found
    if (isOn) timer = setTimeout(look, PAUSE);
  }

  // The other classes, the second best before all.
  function offer({ network, image }) {
    const { logits } = network.forward(image);
    const read = winner(logits);
    if (classes !== network.classes) {
      classes = network.classes;
      list.replaceChildren(element('option', { value: '' }), ...options(classes));
    }
    const second = winner(logits, read);
    list.options[0].textContent = `${classes[second]}, the runner-up`;
    [...list.options].forEach((option) => { option.disabled = option.value === String(read); });
    if (list.value === String(read)) list.value = '';
    list.dataset.second = second;
  }

  async function look() {
    const { current } = context;
    if (!current) return;
    stop();
    const number = newest;
    told.textContent = 'Looking for it …';
    const { network, name } = current;
    const wanted = Number(list.value === '' ? list.dataset.second : list.value);
    const { image } = network.forward(current.image);
    const found = await smallestChange(network, image, wanted, () => number === newest);
    if (number !== newest) return;
    pictures.classList.remove('old');
    if (!found) {
      pictures.replaceChildren();
      told.textContent = `No such change was found: the gradient led to no picture that ${name} reads as ${classes[wanted]}.`;
    } else {
      const after = reading(network.forward(found.image).logits, network.limits, network.classes);
      told.textContent = sentence(name, image, found.change, after, classes);
      pictures.replaceChildren(...shown(image, found));
      isOnPad = showOnPad(context, found.change, (value) => line('backward', value));
    }
    context.say(told.textContent);
  }

  button.addEventListener('click', () => setOn(!isOn));
  list.addEventListener('change', () => { if (isOn) look(); });
  context.onReading(onReading);
  onReading(context.current);
}

function sentence(name, image, change, { digit, confidence, verdict }, classes) {
  const ink = image.reduce((sum, level) => sum + level, 0);
  const share = (sign) => `${((100 * change.reduce((sum, value) => sum + Math.max(sign * value, 0), 0)) / ink).toFixed(1)} %`;
  const refused = verdict.startsWith('not ') ? `, though it would call it ${verdict}` : `: ${verdict}`;
  return `Add ${share(1)} of the ink and take ${share(-1)} away, and ${name} reads ${areDigits(classes) ? '' : 'class '}${classes[digit]} (${(100 * confidence).toFixed(0)} %)${refused}.`;
}

function shown(image, { image: changed, change }) {
  const top = largest(change);
  return [
    figure(image, (level) => css('forward', level / 255), 'what it read'),
    figure(change, (value) => css('backward', value / top), 'orange: added, blue: taken away'),
    figure(changed, (level) => css('forward', level / 255), 'changed'),
  ];
}

function figure(values, color, caption) {
  const canvas = element('canvas', { width: 28, height: 28, role: 'img', 'aria-label': caption });
  const context = canvas.getContext('2d');
  values.forEach((value, k) => {
    context.fillStyle = color(value);
    context.fillRect(k % 28, Math.floor(k / 28), 1, 1);
  });
  return element('figure', {}, canvas, element('figcaption', {}, caption));
}

// "Teach it": what was it? A few steps of gradient descent, their curve, their cost, undo; and the corrections as a file.

import { element } from '../dom.js';
import { areDigits } from '../engine/confidence.js';
import { saved } from '../keep/saved.js';
import { called, percent } from '../words.js';
import { asFile, entry, keepCorrections, onOthers, readCorrections, withOne } from './corrections.js';
import { lossCurve } from './curve.js';
import { pupil } from './pupil.js';

const BUTTONS = 12; // classes of which each has a button; of more, one is chosen from a list
const WAITING = 'Draw something. If it is misread, say what it was.';
const NO_KEEPING = 'This browser keeps nothing for this page, so they are gone when you leave it. Save them as a file.';
const UNTAUGHT = 'The network is as it came: it can be taught again.'; // a page that is loaded loads it anew

const button = (text, act) => {
  const made = element('button', { type: 'button' }, text);
  made.addEventListener('click', () => { if (made.getAttribute('aria-disabled') !== 'true') act(); });
  return made;
};
const count = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

export function mount(place, context) {
  const taught = pupil(context);
  let [corrections, isKept, busy, examined, network] = [readCorrections(), true, false, 0, null];
  let asksCost = false; // once it was asked for, every lesson tells its own
  let added = []; // of each lesson the correction that came with it, or null

  const lead = element('p', { class: 'quiet' }, WAITING);
  const choices = element('div', { class: 'choices', role: 'group', 'aria-label': 'What it was' });
  const told = element('p', { class: 'told' });
  const curve = lossCurve();
  const cost = element('p', { class: 'quiet' });
  const costs = button('What did that cost?', () => examine(true));
  const undo = button('Undo', () => takeBack());
  const lessonTools = element('div', { class: 'tools' }, costs, undo);
  const result = element('div', { class: 'lesson' }, element('div', {}, told, cost), curve.place);
  const stock = element('p', { class: 'quiet' });
  const repeat = button('Teach again', () => teachAll());
  const save = button('Save corrections.json', () => saved(asFile(corrections), 'corrections.json'));
  const remove = button('Delete', () => setCorrections([]));
  const start = context.reader === 'lenet5' ? 'lenet5' : 'FILE'; // a file is shown by its folder's name
  const command = `nnscratch train --start ${start} --add corrections.json --epochs 6 --lr 0.001`;
  const hint = element('p', { class: 'quiet hint' }, 'For a network of your own, save them, and run ', element('code', {}, command));
  const kept = element('div', { class: 'stock' }, stock, element('div', { class: 'tools' }, repeat, save, remove), hint);
  const badge = element('p', { id: 'taught', role: 'note' });
  const badgeText = element('span');
  badge.append(badgeText, button('Undo all', () => takeAllBack()));
  document.getElementById('summary')?.after(badge);
  place.append(lead, choices, result, lessonTools, kept);

  // ---- what is shown

  function offer({ classes }) {
    const digits = areDigits(classes);
    if (classes.length <= BUTTONS) {
      choices.replaceChildren(...classes.map((name, label) => button(name, () => teach(label))));
      return;
    }
    const names = classes.map((name, label) => element('option', { value: label }, name));
    const list = element('select', { 'aria-label': 'What it was' }, element('option', { value: '' }, digits ? 'a …' : 'It was …'), ...names);
    list.addEventListener('change', () => { if (list.value) teach(Number(list.value)); });
    choices.replaceChildren(list);
  }

  function refresh(current = context.current) {
    const one = network && current?.digits.length === 1;
    const name = (k) => called(network.classes[k], areDigits(network.classes));
    if (!one) lead.textContent = current ? 'Several digits: draw one alone to teach it.' : WAITING;
    else lead.textContent = `No, it was ${areDigits(network.classes) ? 'a' : ''} …`;
    [...choices.children].forEach((choice, k) => {
      choice.setAttribute('aria-disabled', String(!one || busy));
      if (one && choice.matches('button')) choice.setAttribute('aria-label', `No, it was ${name(k)}`);
    });
    for (const one of [costs, undo, repeat, remove, ...badge.querySelectorAll('button')]) one.setAttribute('aria-disabled', String(busy));
    lessonTools.hidden = badge.hidden = !taught.isTaught();
    badgeText.textContent = `Taught: ${count(taught.lessons(), 'lesson')}`;
    kept.hidden = corrections.length === 0;
    const stay = corrections.length === 1 ? 'stays' : 'stay';
    const anew = network && !taught.isTaught() ? ` ${UNTAUGHT}` : '';
    stock.textContent = `${count(corrections.length, 'correction')}${isKept ? ` ${stay} in this browser.` : `. ${NO_KEEPING}`}${anew}`;
    costs.hidden = asksCost;
    repeat.hidden = !network;
    choices.hidden = !current;
    result.hidden = told.textContent === '';
  }

  function say(text) {
    told.textContent = text;
    context.say(text);
  }

  // With the last lesson goes its correction, which may have been a slip.
  function takeBack() {
    taught.undo(network);
    const one = added.pop();
    if (one) setCorrections(corrections.filter((other) => other !== one));
    changed('The last lesson is undone.');
  }

  function takeAllBack() {
    taught.undoAll(network);
    added = [];
    changed('The network is as it came.');
  }

  function changed(text) {
    examined += 1; // an exam of before ends
    say(text);
    curve.place.replaceChildren();
    cost.textContent = '';
    refresh();
    if (asksCost && taught.isTaught()) examine();
  }

  function setCorrections(all) {
    corrections = all;
    isKept = keepCorrections(all);
    refresh();
  }

  // ---- lessons

  async function attempt(work) {
    busy = true;
    examined += 1; // an exam of before ends
    cost.textContent = '';
    refresh();
    try {
      const before = taught.lessons();
      const correction = await work();
      if (taught.lessons() > before) added.push(correction ?? null);
    } catch (error) {
      say(`It did not learn that: ${error.message} It is as it was.`);
    }
    busy = false;
    refresh();
    if (asksCost && taught.isTaught()) examine();
  }

  function teach(label) {
    const { image, strokes, brush, reading } = context.current;
    const name = (k) => called(network.classes[k], areDigits(network.classes));
    attempt(async () => {
      const { steps, moved } = await taught.teach(network, image, label, (all) => {
        told.textContent = 'Learning …';
        result.hidden = false;
        curve.show(all.map(({ loss }) => loss));
      });
      const [first, last] = [steps[0], steps.at(-1)];
      if (steps.length === 1) {
        curve.place.replaceChildren();
        say(`That is what it reads already: ${name(label)}.`);
        return null;
      }
      const was = reading.digit === label ? '' : `, no longer ${name(reading.digit)}`;
      say(`Learnt: ${name(label)} (${percent(last.probability)})${was}. In ${count(steps.length - 1, 'step')} of gradient descent the loss fell from ` +
        `${first.loss.toFixed(2)} to ${last.loss.toFixed(2)}, and the weights moved by ${(100 * moved).toPrecision(2)} % of their length.${last.isRead ? '' : ' It is still too unlike what it knows for it to be read.'}`);
      if (!strokes || !areDigits(network.classes)) return null;
      const correction = entry({ strokes, brush }, label);
      setCorrections(withOne(corrections, correction));
      return correction;
    });
  }

  function teachAll() {
    attempt(async () => {
      told.textContent = 'Learning …';
      result.hidden = false;
      curve.place.replaceChildren();
      const right = await taught.teachAll(network, corrections);
      say(`Of ${count(corrections.length, 'correction')} it now reads ${right.toLocaleString('en')}.`);
    });
  }

  // ---- what it cost

  async function examine(asked = false) {
    asksCost ||= asked;
    refresh();
    examined += 1;
    const number = examined;
    cost.textContent = 'Reading 1,000 test digits …';
    try {
      const found = await taught.examine(network, (share) => {
        if (number === examined) cost.textContent = `Reading 1,000 test digits … ${Math.round(100 * share)} %`;
        return number === examined;
      });
      if (!found || number !== examined) return;
      const lost = found.before - found.now;
      const much = lost === 0 ? 'that cost nothing' : lost > 0 ? `that cost ${lost.toLocaleString('en')}` : `${-lost} more`;
      const several = corrections.length > 1 ? ` Of ${count(corrections.length, 'correction')} it reads ${taught.countRead(network, corrections)}.` : '';
      cost.textContent = `Of ${found.of.toLocaleString('en')} test digits it read ${found.before} before, and ${found.now} now: ${much}.${several}`;
      context.say(cost.textContent);
    } catch (error) {
      if (number === examined) cost.textContent = error.message;
    }
  }

  onOthers(() => {
    corrections = readCorrections();
    refresh();
  });
  context.onReading((current) => {
    if (network && !busy) refresh(current);
  });
  refresh();
  context.load(context.reader).then((loaded) => {
    network = loaded;
    offer(network);
    refresh();
  }, () => {}); // that it did not load is said where it is read
}

// What the other networks read: asked for when "Compare" is opened, and loaded then.

import { bars } from './bars.js';
import { described } from './context.js';
import { $, element } from './dom.js';
import { read } from './reader.js';
import { isRead, number, percent, second } from './words.js';

const cards = new Map(); // name of a network: { network, chart, reads, sure }

export function mountCompare(context) {
  const others = context.names.filter((name) => name !== context.reader);
  $('compare').hidden = others.length === 0;
  $('compare').addEventListener('toggle', () => {
    if (!$('compare').open) return;
    for (const failed of $('others').querySelectorAll('.failed')) failed.remove(); // and is tried again
    for (const name of others) if (!cards.has(name)) addCard(name, context);
  });
  context.onReading((current) => { for (const card of cards.values()) fill(card, current); });
}

async function addCard(name, context) {
  const [reads, sure] = [element('strong', {}, '–'), element('p', { class: 'quiet' }, 'loading …')];
  const text = element('p', { class: 'quiet' }, described(name));
  const made = element('article', { class: 'card' }, element('header', {}, element('h3', {}, name), reads), sure, text);
  $('others').append(made);
  cards.set(name, { reads, sure });
  try {
    const network = await context.load(name);
    const chart = bars(network.classes);
    text.before(chart.place);
    const card = { network, chart, reads, sure };
    cards.set(name, card);
    fill(card, context.current);
  } catch (error) {
    sure.textContent = error.message;
    made.classList.add('failed');
    cards.delete(name);
  }
}

function fill({ network, chart, reads, sure }, current) {
  if (!network) return;
  if (!current) {
    reads.textContent = '–';
    sure.textContent = '\u00a0';
    chart.show(null);
    return;
  }
  const readings = current.digits.map(({ image }) => read(network, image));
  const reading = readings[current.digits.findIndex(({ image }) => image === current.image)];
  const { classes } = network;
  reads.textContent = number(readings, classes);
  reads.toggleAttribute('data-long', readings.length > 6);
  sure.textContent = isRead(reading)
    ? `Confidence ${percent(reading.confidence)}, ${reading.verdict}; the runner-up is ${classes[second(reading.probabilities)]}`
    : reading.verdict;
  chart.show(reading);
}

// What the parts of the page share: its networks, the drawing, and what was read in it last.

import { parseNetwork } from './engine/network.js';

const $ = (id) => document.getElementById(id);
export const config = JSON.parse($('config').textContent);
const networks = new Map(); // name: the promise of the network
const heard = new Set();

// names      the networks of the page
// reader     the name of the one that decides
// current    what was read last, { network, name, reading, image: Uint8Array(784), strokes, brush, digits, classes,
//            isDrawn }, or null where nothing is drawn. digits are all that were found, each { box, image, steps,
//            reading }; of several, image and reading are of the one that is chosen. strokes are null where a picture
//            was read, network where the server alone knows it; isDrawn: the pen is not lifted yet.
// overlay    a canvas of 500 x 500 over the pad; whatever is on it goes when the drawing changes
//
// main.js gives:
// setStrokes(strokes, brush)   puts a drawing on the pad; undo takes it back
// readAgain()                  the weights have changed: reads what is there once more
// showError(text)              says over the page what did not work
export const context = {
  config,
  names: config.networks.map(({ name }) => name),
  reader: config.networks[0].name,
  current: null,
  overlay: $('overlay'),

  // The network of a name, loaded once. Throws an Error, one sentence for people.
  load(name) {
    if (!networks.has(name)) {
      const loading = loaded(config.networks.find((one) => one.name === name));
      loading.catch(() => networks.delete(name)); // and is tried again when it is asked for again
      networks.set(name, loading);
    }
    return networks.get(name);
  },

  // fn is called with current after every reading, and with null when the pad is empty.
  onReading(fn) {
    heard.add(fn);
    if (context.current) fn(context.current);
  },

  // To who cannot see the page, when there is time.
  say(text) {
    $('said').textContent = text;
  },
};

// A network in a sentence's part: what it is, and how large.
export function described(name) {
  const { about, parameters } = config.networks.find((one) => one.name === name);
  return [about, `${parameters.toLocaleString('en')} parameters`].filter(Boolean).join('; ');
}

// What was read becomes current, and all parts hear of it; a part that fails takes no other one with it.
export function publish(current) {
  context.current = current;
  for (const fn of heard) {
    try {
      fn(current);
    } catch (error) {
      reportError(error);
    }
  }
}

// Why the browser cannot read a network, in a sentence, or null where it can.
export function refusal(name) {
  const { address, why } = config.networks.find((one) => one.name === name);
  return address ? null : `The server alone reads ${name}: ${why}.`;
}

async function loaded({ name, address }) {
  if (!address) throw new Error(refusal(name));
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(`The network ${name} did not load. Are you connected? Load the page again.`);
  }
  if (!response.ok) throw new Error(`The network ${name} did not load (${response.status}). Load the page again.`);
  try {
    return parseNetwork(await response.arrayBuffer());
  } catch (error) {
    throw new Error(`The network ${name} cannot be used here: ${error.message}.`);
  }
}

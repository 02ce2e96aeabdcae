// The other parts of the page: each is a module that exports mount(place, context), and draws into its section.

import { refusal } from './context.js';

// [id of the section, module]
const OF_NETWORK = [
  ['teach', './teach/part.js'],
  ['network', './view/alive.js'],
  ['mind', './view/mind.js'],
];
const OF_DRAWING = [['keep', './keep/part.js']];

// A part that does not load, or fails, says so in its section, and leaves the page as it is. So do those that need the
// network where the server alone has it.
export function mountParts(context) {
  const why = refusal(context.reader);
  for (const [id, module] of [...OF_DRAWING, ...(why ? [] : OF_NETWORK)]) mountPart(document.getElementById(id), module, context);
  for (const [id] of why ? OF_NETWORK : []) explain(document.getElementById(id), why);
}

function explain(section, why) {
  section.querySelector('.part').textContent = why;
  section.hidden = false;
}

export async function mountPart(section, module, context) {
  const place = section.querySelector('.part');
  section.hidden = false;
  try {
    (await import(module)).mount(place, context);
  } catch (error) {
    reportError(error);
    place.textContent = 'This part of the page did not load. Load the page again.';
  }
}

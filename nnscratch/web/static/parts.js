// The other parts of the page: each is a module that exports mount(place, context), and draws into its section.

// [id of the section, module]
const PARTS = [
  ['teach', './teach/part.js'],
  ['network', './view/alive.js'],
  ['mind', './view/mind.js'],
  ['keep', './keep/part.js'],
];

// A part that does not load, or fails, says so in its section, and leaves the page as it is.
export function mountParts(context) {
  for (const [id, module] of PARTS) mountPart(document.getElementById(id), module, context);
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

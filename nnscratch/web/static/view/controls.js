// What flows: forward, or a gradient backward, and of which class.

import { element } from '../dom.js';

const WAYS = [['forward', 'Forward'], ['loss', 'Loss, backward'], ['logit', 'Logit, backward']];

// { bar: the element, show(way, target, classes, read) }; change({ way }) or change({ target }) is called for a choice. A
// target is a class's number, or null for the one that is read.
export function controls(change) {
  const buttons = WAYS.map(([way, name]) => {
    const button = element('button', { type: 'button', 'aria-pressed': 'false' }, name);
    button.addEventListener('click', () => change({ way }));
    return button;
  });
  const list = element('select', {});
  list.addEventListener('change', () => change({ target: list.value === '' ? null : Number(list.value) }));
  const label = element('label', { class: 'target' }, 'of ', list);
  let known = null;

  function show(way, target, classes, read) {
    buttons.forEach((button, k) => button.setAttribute('aria-pressed', String(WAYS[k][0] === way)));
    label.hidden = way === 'forward';
    if (known !== classes) list.replaceChildren(element('option', { value: '' }), ...options(classes));
    known = classes;
    list.options[0].textContent = `what was read (${classes[read]})`;
    list.value = target ?? '';
  }

  const ways = element('div', { class: 'ways', role: 'group', 'aria-label': 'What flows' }, ...buttons);
  return { bar: element('div', { class: 'asking' }, ways, label), show };
}

export const options = (classes) => classes.map((name, k) => element('option', { value: k }, name));

// Why the networks read what they read: the gradient with respect to the pixels, feature maps, active units, templates.

import { picture } from './images.js';
import { element } from './results.js';

// which: 'digit 2: ' where there are several, or ''.
export function showWhy(place, explanations, which, onValue) {
  place.replaceChildren(...explanations.map((explained) => one(explained, which, onValue)));
}

function one(explained, which, onValue) {
  const read = explained.logits.indexOf(Math.max(...explained.logits));
  const show = (image, label) => element('figure', {}, picture(image, label, onValue), element('figcaption', {}, label));
  const rows = [
    row('What makes it more of a ' + explained.target, [show(explained.saliency, `d logit of ${explained.target} / d pixels`)], 'large'),
    ...explained.maps.map(({ layer, images }) => row(`${layer}: ${images.length} feature maps`, images.map((image, k) => show(image, `${layer} ${k}`)))),
    ...explained.units.map(({ layer, units }) =>
      row(
        `${layer}: the most active units`,
        units.map((unit) =>
          unit.template
            ? show(unit.template, `unit ${unit.unit}: ${unit.activation.toFixed(2)}`)
            : element('p', { class: 'unit' }, `unit ${unit.unit}: ${unit.activation.toFixed(2)}`),
        ),
      ),
    ),
    ...(explained.templates.length ? [row('The template of each digit', explained.templates.map((image, k) => show(image, `template of ${k}`)))] : []),
  ];
  return element('article', { class: 'explanation' }, element('h3', {}, `${which}${explained.model} reads ${read}`), ...rows);
}

function row(title, figures, kind = '') {
  return element('div', { class: `row ${kind}` }, element('h4', {}, title), element('div', { class: 'strip' }, ...figures));
}

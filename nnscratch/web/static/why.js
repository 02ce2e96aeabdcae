// Why the networks read what they read: the gradient with respect to the pixels, feature maps, active units, templates.

import { picture } from './images.js';
import { element } from './results.js';

// which: 'digit 2: ' where there are several, or ''.
export function showWhy(place, explanations, which, onValue) {
  place.replaceChildren(...explanations.map((told) => one(told, which, onValue)));
}

function one(told, which, onValue) {
  const read = told.logits.indexOf(Math.max(...told.logits));
  const show = (image, label) => element('figure', {}, picture(image, label, onValue), element('figcaption', {}, label));
  const rows = [
    row('What makes it more of a ' + told.target, [show(told.saliency, `d logit of ${told.target} / d pixels`)], 'large'),
    ...told.maps.map(({ layer, images }) => row(`${layer}: ${images.length} feature maps`, images.map((image, k) => show(image, `${layer} ${k}`)))),
    ...told.units.map(({ layer, units }) =>
      row(
        `${layer}: the most active units`,
        units.map((unit) =>
          unit.template
            ? show(unit.template, `unit ${unit.unit}: ${unit.activation.toFixed(2)}`)
            : element('p', { class: 'unit' }, `unit ${unit.unit}: ${unit.activation.toFixed(2)}`),
        ),
      ),
    ),
    ...(told.templates.length ? [row('The template of each digit', told.templates.map((image, k) => show(image, `template of ${k}`)))] : []),
  ];
  return element('article', { class: 'explanation' }, element('h3', {}, `${which}${told.model} reads ${read}`), ...rows);
}

function row(title, figures, kind = '') {
  return element('div', { class: `row ${kind}` }, element('h4', {}, title), element('div', { class: 'strip' }, ...figures));
}

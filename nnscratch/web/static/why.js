// Why the networks read what they read: the gradient with respect to the pixels, feature maps, active units, templates.

import { picture } from './images.js';
import { CLASSES, DIGITS, element } from './results.js';

// which: 'digit 2: ' where there are several, or ''.
export function showWhy(place, explanations, which, onValue) {
  place.replaceChildren(...explanations.map((explained) => one(explained, which, onValue)));
}

function one(explained, which, onValue) {
  const read = CLASSES[explained.logits.indexOf(Math.max(...explained.logits))];
  const target = CLASSES[explained.target];
  const of = explained.template_classes ?? CLASSES.map((_, k) => k);
  const templates = DIGITS ? 'The template of each digit' : explained.template_classes ? 'The templates of the most probable classes' : 'The template of each class';
  const show = (image, label) => element('figure', {}, picture(image, label, onValue), element('figcaption', {}, label));
  const rows = [
    ...(explained.input ? [row('What the network sees: the digit without its slant', [show(explained.input, 'deskewed')], 'large')] : []),
    row(`What makes it more of ${DIGITS ? 'a' : 'class'} ${target}`, [show(explained.saliency, `d logit of ${target} / d pixels`)], 'large'),
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
    ...(explained.templates.length ? [row(templates, explained.templates.map((image, k) => show(image, `template of ${CLASSES[of[k]]}`)))] : []),
  ];
  return element('article', { class: 'explanation' }, element('h3', {}, `${which}${explained.model} reads ${read}`), ...rows);
}

function row(title, figures, kind = '') {
  return element('div', { class: `row ${kind}` }, element('h4', {}, title), element('div', { class: 'strip' }, ...figures));
}

// A bar for each class, as high or as long as its probability.

import { element } from './dom.js';
import { isRead, percent } from './words.js';

const SHOWN = 10; // bars, where there are more classes: the most probable

// { place: the element, show(reading or null) } for these classes. The bars stay, and move.
export function bars(classes) {
  const few = classes.length <= SHOWN;
  const upright = few && classes.every((name) => name.length <= 2);
  const columns = classes.slice(0, SHOWN).map((name) => {
    const parts = ['name', 'room', 'value'].map((kind) => element('span', { class: kind })); // as they are read
    parts[1].append(element('span', { class: 'bar' }));
    parts[0].textContent = few ? name : '';
    return element('span', { class: 'column' }, ...parts);
  });
  const place = element('div', { class: `bars ${upright ? 'upright' : 'lying'}`, role: 'img', 'aria-label': 'nothing read' }, ...columns);

  function show(reading) {
    const p = reading?.probabilities ?? classes.map(() => 0);
    const order = few || !reading ? columns.map((_, k) => k) : likeliest(p);
    place.dataset.read = String(!reading || isRead(reading));
    place.setAttribute('aria-label', reading ? order.map((k) => `${classes[k]}: ${percent(p[k])}`).join(', ') : 'nothing read');
    columns.forEach((column, row) => {
      const [name, room, value] = column.children;
      const k = order[row];
      name.textContent = few || reading ? classes[k] : '';
      room.style.setProperty('--p', p[k]);
      value.textContent = p[k] >= 0.005 ? (100 * p[k]).toFixed(0) : '';
      column.classList.toggle('best', reading?.digit === k);
    });
  }

  show(null);
  return { place, show };
}

// The numbers of the classes with the highest probabilities, the highest first.
const likeliest = (p) => p.map((_, k) => k).sort((a, b) => p[b] - p[a]).slice(0, SHOWN);

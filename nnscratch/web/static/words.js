// What was read, in a sentence.

const PLACES = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];
const UNCLEAR = 'cannot be told apart';

export const percent = (p) => {
  if (p > 0.9999) return '>\u00a099.99\u00a0%';
  return `${(100 * p).toFixed(p > 0.9995 ? 2 : p > 0.995 || p < 0.0995 ? 1 : 0)}\u00a0%`;
};

export const isRead = ({ verdict }) => verdict === 'sure' || verdict === 'unsure';

// The classes by what they are called in a sentence: "a 7", "an 8", "B".
export const called = (name, areDigits) => (areDigits ? `${name === '8' ? 'an' : 'a'} ${name}` : `“${name}”`);

// The number that several readings make, "?" for what is no digit.
export const number = (readings, classes) => readings.map((one) => (isRead(one) ? classes[one.digit] : '?')).join('');

// The sentence of some readings by a network that knows these classes.
export function sentence(readings, classes, areDigits) {
  return readings.length === 1 ? ofOne(readings[0], classes, areDigits) : ofSeveral(readings, classes);
}

function ofOne({ digit, verdict, probabilities, confidence }, classes, areDigits) {
  const name = called(classes[digit], areDigits);
  if (verdict === 'sure') return `Looks like ${name}, and I am sure.`;
  if (verdict === 'unsure') return `${confidence < 0.9 ? 'Perhaps' : 'Probably'} ${name} (${percent(confidence)}), or ${called(classes[second(probabilities)], areDigits)}.`;
  return areDigits ? 'That is no digit, as far as I know.' : `That is none of the ${classes.length} classes, as far as I know.`;
}

export const second = (probabilities) => {
  const first = probabilities.indexOf(Math.max(...probabilities));
  return probabilities.reduce((best, p, k) => (k !== first && (best < 0 || p > probabilities[best]) ? k : best), -1);
};

function ofSeveral(readings, classes) {
  const of = (...verdicts) => readings.flatMap(({ verdict }, k) => (verdicts.includes(verdict) ? [place(k)] : []));
  const [refused, unclear, unsure] = [of('not a digit'), of(UNCLEAR), of('unsure')];
  const shown = number(readings, classes);
  if (refused.length === readings.length) return `${refused.length === 2 ? 'Neither' : 'None'} of them is a digit, as far as I know.`;
  if (unclear.length) return `${shown}: I cannot tell ${listed(unclear)} apart from what touches it.`;
  if (refused.length) return `${shown}: ${listed(refused)} ${refused.length > 1 ? 'are no digits' : 'is no digit'}, as far as I know.`;
  if (unsure.length) return `${shown}, perhaps: I am not sure of ${unsure.length === readings.length ? any(unsure) : listed(unsure)}.`;
  return `${shown}: I am sure of ${all(readings)}.`;
}

const place = (k) => (k < PLACES.length ? `the ${PLACES[k]}` : `digit ${k + 1}`);
const all = ({ length }) => (length === 2 ? 'both' : `all ${length}`);
const any = ({ length }) => (length === 2 ? 'either' : 'any of them');
const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0]);

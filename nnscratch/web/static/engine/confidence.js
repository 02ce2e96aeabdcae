// What a network's answer is worth: models/confidence.py.

const DIGITS = '0123456789';

// The classes are the ten digits, and not, say, letters.
export const areDigits = (classes) => classes.length === 10 && classes.join('') === DIGITS;

// log of the sum of exp(logits): how much they look like those of images trained on; softmax divides by that sum.
export function energyScore(logits) {
  const top = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  return top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
}

// The standard deviation of the logits: 0 where they say the same of every class.
export function logitSpread(logits) {
  const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
  return Math.sqrt(logits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / logits.length);
}

export const SCORES = new Map([['energy', energyScore], ['spread', logitSpread]]);

// What logits (at their temperature, as network.forward returns them) say of an image, by a network's limits { sure,
// familiar, score } and the names of its classes: { digit: the label from 0, confidence: 0..1, probabilities: an Array,
// verdict: 'sure', 'unsure', or 'not a digit', 'not one of the classes' }.
export function reading(logits, limits, classes) {
  const energy = energyScore(logits);
  const probabilities = Array.from(logits, (logit) => Math.exp(logit - energy));
  const digit = probabilities.indexOf(Math.max(...probabilities));
  const confidence = probabilities[digit];
  const refused = areDigits(classes) ? 'not a digit' : 'not one of the classes';
  const verdict =
    SCORES.get(limits.score)(logits) < limits.familiar ? refused : confidence >= limits.sure ? 'sure' : 'unsure';
  return { digit, confidence, probabilities, verdict };
}

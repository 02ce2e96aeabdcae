// What comes from a file is as it has to be, or is refused in one sentence for people: errors.py.

export function need(holds, sentence) {
  if (!holds) throw new Error(sentence);
}

// A name or a value of a file, cut to what fits into a sentence.
export const quoted = (value) => (typeof value === 'string' ? `'${value.slice(0, 40)}'` : `a ${typeof value}`);

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

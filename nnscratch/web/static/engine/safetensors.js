// A file of arrays: files/safetensors.py. It comes from anywhere, so nothing that it says is believed before it is
// checked. (Whether the bytes are those that were saved, the digest in the metadata, is for Python to say.)

const LONGEST_HEADER = 10_000_000; // bytes
const DTYPES = new Map([['F32', Float32Array], ['F64', Float64Array]]); // what Sequential.save writes
const UTF8 = new TextDecoder('utf-8', { fatal: true });

const damaged = (why) => new Error(`this file is damaged, or no safetensors file: ${why}`);

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// A name or a value of a file, cut to what fits into a sentence.
export const quoted = (value) => (typeof value === 'string' ? `'${value.slice(0, 40)}'` : `a ${typeof value}`);

// Of a text, or of its bytes.
export function parsedJSON(text, what) {
  try {
    return JSON.parse(typeof text === 'string' ? text : UTF8.decode(text));
  } catch {
    throw damaged(`${what} is not JSON`);
  }
}

// { metadata: {name: text}, arrays: Map of name to { shape, data: Float32Array or Float64Array of its own } }
export function readSafetensors(buffer) {
  const length = buffer.byteLength < 8 ? 0 : Number(new DataView(buffer).getBigUint64(0, true));
  if (length < 2 || length > Math.min(buffer.byteLength - 8, LONGEST_HEADER)) {
    throw damaged(`its header claims ${length} bytes, and the file has ${buffer.byteLength}`);
  }
  const header = parsedJSON(new Uint8Array(buffer, 8, length), 'its header');
  if (!isObject(header)) throw damaged('its header is no JSON object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw damaged('its metadata are not texts');
  }
  return { metadata, arrays: readArrays(entries, buffer.slice(8 + length)) };
}

// The arrays must cover the data from the first byte to the last, without an overlap.
function readArrays(entries, data) {
  const spans = Object.entries(entries).map(([name, entry]) => ({ name, ...checkedEntry(name, entry) }));
  let end = 0;
  for (const { name, start, stop } of spans.sort((a, b) => a.start - b.start || a.stop - b.stop)) {
    if (start !== end) throw damaged(`${quoted(name)} begins at byte ${start}, where ${end} is due`);
    if (stop > data.byteLength) throw damaged(`${quoted(name)} ends at byte ${stop}, and there are ${data.byteLength}`);
    end = stop;
  }
  if (end !== data.byteLength) throw damaged(`its arrays have ${end} bytes, and there are ${data.byteLength}`);
  const read = ({ Type, shape, start, stop }) => ({ shape, data: new Type(data.slice(start, stop)) });
  return new Map(spans.map((span) => [span.name, read(span)]));
}

// An array's type, shape and place, once they agree with each other.
function checkedEntry(name, entry) {
  if (!isObject(entry) || Object.keys(entry).sort().join() !== 'data_offsets,dtype,shape') {
    throw damaged(`${quoted(name)} is not described by dtype, shape and data_offsets`);
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  const Type = DTYPES.get(dtype);
  if (!Type) throw new Error(`${quoted(name)} is of the type ${quoted(dtype)}, and weights are F32 or F64 here`);
  const isWhole = (value) => Number.isSafeInteger(value) && value >= 0;
  const areWhole = (values) => Array.isArray(values) && values.every(isWhole);
  if (!areWhole(shape) || shape.length > 32 || !areWhole(offsets) || offsets.length !== 2) {
    throw damaged(`shape or place of ${quoted(name)} are no whole numbers`);
  }
  const [start, stop] = offsets;
  if (shape.reduce((product, side) => product * side, Type.BYTES_PER_ELEMENT) !== stop - start) {
    throw damaged(`${quoted(name)} has another number of bytes than its shape and type say`);
  }
  return { Type, shape, start, stop };
}

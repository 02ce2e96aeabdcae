// A file of arrays: files/safetensors.py. It comes from anywhere, so nothing that it says is believed before it is
// checked. (Whether the bytes are those that were saved, the digest in the metadata, is for Python to say.)

import { isObject, need, quoted } from './checks.js';

const DAMAGED = 'this file is damaged, or no safetensors file';
const DTYPES = new Map([['F32', Float32Array], ['F64', Float64Array]]); // what Sequential.save writes

const isShape = (value) => Array.isArray(value) && value.every((side) => Number.isSafeInteger(side) && side >= 0);

// What a text says, or its bytes.
export function parsedJSON(text, what) {
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw new Error(`${DAMAGED}: ${what} is not JSON`);
  }
}

// { metadata: {name: text}, arrays: Map of name to { shape, data: Float32Array or Float64Array of its own } }
export function readSafetensors(buffer) {
  const size = buffer.byteLength;
  const length = size < 8 ? 0 : Number(new DataView(buffer).getBigUint64(0, true));
  need(length <= size - 8, `${DAMAGED}: its header claims ${length} bytes, and the file has ${size}`);
  const header = parsedJSON(new Uint8Array(buffer, 8, length), 'its header');
  need(isObject(header), `${DAMAGED}: its header is no JSON object`);
  const { __metadata__: metadata, ...entries } = header;
  return { metadata: isObject(metadata) ? metadata : {}, arrays: readArrays(entries, buffer.slice(8 + length)) };
}

// Arrays lie one after the other, as Python writes them: their shapes and types say where, as the header must.
function readArrays(entries, data) {
  let end = 0;
  const spans = Object.entries(entries).map(([name, entry]) => {
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    const [Type, start] = [DTYPES.get(dtype), end];
    need(Type && isShape(shape), `${DAMAGED}: ${quoted(name)} has no shape, or another type than F32 and F64`);
    end += shape.reduce((product, side) => product * side, Type.BYTES_PER_ELEMENT);
    need(`${offsets}` === `${start},${end}`, `${DAMAGED}: ${quoted(name)} does not lie at bytes ${start} to ${end}`);
    return { name, shape, bytes: [start, end], Type };
  });
  need(end === data.byteLength, `${DAMAGED}: its arrays have ${end} bytes, and there are ${data.byteLength}`);
  const read = ({ shape, bytes, Type }) => ({ shape, data: new Type(data.slice(...bytes)) });
  return new Map(spans.map((span) => [span.name, read(span)]));
}

// What a network reads of 1,000 test digits: web/test_digits.py writes their file.

const PIXELS = 784;
const SLICE = 25; // milliseconds of work, after which the page may do something else

// { labels: Uint8Array, images: [Uint8Array(784)] } of the file at an address. Throws an Error, one sentence for people.
export async function loadTestDigits(address) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error('The test digits did not load. Are you connected?');
  }
  if (!response.ok) throw new Error(`The test digits did not load (${response.status}).`);
  return parseTestDigits(await response.arrayBuffer());
}

// Four bytes say how many, little endian; then come the labels, a byte each, and the images.
export function parseTestDigits(buffer) {
  const count = buffer.byteLength < 4 ? 0 : new DataView(buffer).getUint32(0, true);
  if (count === 0 || buffer.byteLength !== 4 + count * (1 + PIXELS)) throw new Error('The file of test digits is damaged.');
  const labels = new Uint8Array(buffer, 4, count);
  const images = Array.from(labels, (_, k) => new Uint8Array(buffer, 4 + count + PIXELS * k, PIXELS));
  return { labels, images };
}

// How many of them a network reads right: work for seconds, in slices. onProgress(share) is called after each, and may
// return false to end it: then null is returned.
export async function countRight(network, { labels, images }, onProgress) {
  let right = 0;
  for (let k = 0; k < labels.length; ) {
    const end = performance.now() + SLICE;
    for (; k < labels.length && performance.now() < end; k++) {
      const { logits } = network.forward(images[k]);
      right += logits.indexOf(Math.max(...logits)) === labels[k] ? 1 : 0;
    }
    if (onProgress(k / labels.length) === false) return null;
    await new Promise((resolve) => { setTimeout(resolve); });
  }
  return right;
}

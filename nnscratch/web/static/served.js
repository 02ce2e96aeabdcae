// What the server finds: the digits in a picture, or whatever a network reads that it alone knows.

import { decoded } from './images.js';
import { read } from './reader.js';
import { post } from './server.js';

// question: what /api/predict takes; frame: where it lies on the pad, { left, top, scale }. What is found is read here, as
// drawings are, unless there is no network to read it: { digits, stages }, as the page shows them.
export async function readByServer(question, network, frame) {
  const { digits, stages } = await post('api/predict', question);
  const images = stages.map(({ pixels, ...image }) => ({ ...image, pixels: decoded(pixels) }));
  const found = digits.map(({ box, image, predictions: [prediction], verdict }) => {
    const pixels = image ? decoded(image.pixels) : images.at(-1).pixels; // one digit is where the stages end
    const reading = network ? read(network, pixels) : prediction;
    const unclear = verdict === 'cannot be told apart' ? { verdict } : {};
    return { box: box && onPad(box, frame), image: pixels, reading: { ...reading, ...unclear } };
  });
  return { digits: found, stages: images.length ? images : undefined };
}

function onPad(box, { left, top, scale }) {
  const [x, y, width, height] = box.map((value) => value / scale);
  return [left + x, top + y, width, height];
}

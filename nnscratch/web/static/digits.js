// A test digit at random: { levels: Uint8Array(784), label }.

import { decoded } from './images.js';
import { get } from './server.js';
import { loadTestDigits } from './teach/exam.js';

const ALL = 10_000; // the server has all of them; without one, the page has a file of the first
const random = (count) => Math.floor(count * Math.random());

export async function testDigit(hasServer) {
  if (hasServer) {
    const { image, label } = await get(`api/digits/${random(ALL)}`);
    return { levels: decoded(image.pixels), label };
  }
  const { images, labels } = await loadTestDigits('data/test-digits.bin');
  const chosen = random(labels.length);
  return { levels: images[chosen], label: labels[chosen] };
}

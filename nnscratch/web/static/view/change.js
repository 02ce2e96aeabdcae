// The smallest change of ink that a network reads as another class.
//
// In steps, as DeepFool takes them (Moosavi-Dezfooli, Fawzi and Frossard, 2016): where the difference of two logits is
// taken to be linear, the nearest place at which it is 0 lies along its gradient, as far as it takes. Pixels stay within
// 0..255; one that is at its end stays there, and the others go farther. Halving finds the border on the line from the
// drawing to where the steps ended. Then the next search goes straight to the plane that touches the border there, and
// so on while the change gets smaller. What is found is a picture of whole levels that the network has read.

import { reading } from '../engine/confidence.js';
import { logitSlopes } from './pass.js';

const [LEVELS, STEPS, ROUNDS, HALVINGS] = [255, 60, 8, 10];
const FURTHER = 0.5; // logits, beyond the border: what is near it is often refused as no digit
const LONGEST = 50; // levels, of a step: a gradient tells of what is near
const AGAINST = [1, 0.5, 0.25, 0.1, 0]; // how much the other logit counts; less is tried where the way before ended too early
const BEYOND = [1.02, 1.1, 1.25, 1.5, 2]; // times as far as to the plane, until the border is behind

// { image: Uint8Array(784), change: Float64Array(784), length: of the change, in levels } or null, where no picture was
// found that is read as the wanted class, and not refused. image is one as the network sees it, without its slant if it
// deskews. It takes up to seconds, in which others have their turn, and ends when isAsked() is no longer true.
export async function smallestChange(network, image, wanted, isAsked = () => true) {
  const start = Float64Array.from(image);
  const scale = slopeOfInputs(network);
  const isThere = (pixels) => {
    const { digit, verdict } = reading(network.forward(rounded(pixels)).logits, network.limits, network.classes);
    return digit === wanted && !verdict.startsWith('not ');
  };
  let best = null;
  for (const against of AGAINST) {
    const end = await walked(network, start, wanted, scale, against, isThere, isAsked);
    if (!end) continue;
    best = onTheWay(start, end, isThere);
    break;
  }
  for (let round = 0; best && round < ROUNDS && isAsked(); round++) {
    await othersTurn();
    const { gradient } = gapAt(network, best.image, wanted, scale);
    const gain = dot(gradient, best.change);
    const end = BEYOND.map((factor) => alongTo(start, gradient, factor * gain)).find(isThere);
    const found = end && onTheWay(start, end, isThere);
    if (!found || found.length >= best.length) break;
    best = found;
  }
  return best;
}

// Step by step to a picture that is read as wanted: against whichever class stands highest.
async function walked(network, start, wanted, scale, against, isThere, isAsked) {
  let pixels = start;
  for (let step = 0; step < STEPS && isAsked(); step++) {
    await othersTurn();
    const { gap, gradient } = gapAt(network, pixels, wanted, scale, against);
    if (gap >= 0 && isThere(pixels)) return pixels;
    const next = alongTo(pixels, gradient, Math.max(-gap, 0) + FURTHER, LONGEST);
    if (next.every((value, k) => value === pixels[k])) return null; // no pixel can move
    pixels = next;
  }
  return null;
}

// The picture nearest to the start, on the line from it to one that is read as wanted.
function onTheWay(start, end, isThere) {
  const at = (share) => end.map((value, k) => start[k] + share * (value - start[k]));
  let [low, high] = [0, 1];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (isThere(at(middle))) high = middle;
    else low = middle;
  }
  const image = rounded(at(high));
  const change = start.map((value, k) => image[k] - value);
  return { image, change, length: Math.hypot(...change) };
}

// The logit of the wanted class less the highest of the others, and its gradient with respect to the pixels, in which the
// other may count for less.
function gapAt(network, pixels, wanted, scale, against = 1) {
  const { logits, outputs } = network.forward(pixels);
  const other = winner(logits, wanted);
  const dout = logitSlopes(network, outputs.at(-1)).map((slope, k) => (k === wanted ? slope : k === other ? -against * slope : 0));
  const { dinput } = network.backward(dout);
  return { gap: logits[wanted] - logits[other], gradient: dinput.map((value, k) => value * scale[k]) };
}

// The nearest point of start + factor x gradient, within 0..255, at which the gradient says that as much is gained, or
// that is as far away as may be.
function alongTo(start, gradient, gain, farthest = Infinity) {
  const moved = (factor) => start.map((value, k) => Math.min(Math.max(value + factor * gradient[k], 0), LEVELS));
  const isEnough = (factor) => {
    const change = moved(factor).map((value, k) => value - start[k]);
    return dot(gradient, change) >= gain || Math.hypot(...change) >= farthest;
  };
  let [low, high] = [0, gain / (dot(gradient, gradient) || 1)];
  for (let doubling = 0; doubling < 30 && !isEnough(high); doubling++) [low, high] = [high, 2 * high];
  for (let halving = 0; halving < 20; halving++) {
    const middle = (low + high) / 2;
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return moved(high);
}

// How much each input grows with its pixel, which is the same everywhere: inputs are pixels on another scale.
function slopeOfInputs(network) {
  const [none, all] = [0, LEVELS].map((level) => network.forward(new Uint8Array(784).fill(level)).inputs[0]);
  return all.map((value, k) => (value - none[k]) / LEVELS);
}

const othersTurn = () => new Promise((done) => setTimeout(done));
const rounded = (pixels) => Uint8Array.from(pixels, Math.round);
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

// The place of the highest logit, of all but one.
export function winner(logits, without = -1) {
  let best = without === 0 ? 1 : 0;
  for (let k = 0; k < logits.length; k++) if (k !== without && logits[k] > logits[best]) best = k;
  return best;
}

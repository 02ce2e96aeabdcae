// The smallest change of ink that a network reads as another class.
//
// In steps, as DeepFool takes them (Moosavi-Dezfooli, Fawzi and Frossard, 2016): where the difference of two logits is
// taken to be linear, the nearest place at which it is 0 lies along its gradient, as far as it takes. Pixels stay within
// 0..255; one that is at its end stays there, and the others go farther. Then the border that was found is made the
// start of the next search: from the drawing straight to the plane that touches the border there, and halving decides
// where that line is crossed. The picture at the end is one of whole levels, and the network itself has read it.

const [LEVELS, STEPS, ROUNDS, HALVINGS] = [255, 100, 8, 10];
const LONGEST = 50; // levels, of a step: a gradient tells of what is near
const AGAINST = [1, 0.5]; // how much the other logit counts; less is tried where the first way ends too early
const BEYOND = [1.02, 1.1, 1.25, 1.5]; // times as far as to the plane, until the border is behind

// { image: Uint8Array(784), change: Float64Array(784), length: of the change, in levels } or null, where no such picture
// was found. Of a network that deskews, image is what it sees without slant, and so is the picture.
export function smallestChange(network, image, wanted) {
  const scale = slopeOfInputs(network);
  const start = Float64Array.from(image);
  const isThere = (pixels) => winner(network.forward(rounded(pixels)).logits) === wanted;
  let best = null;

  // The crossing nearest to the start, on the line from it to a picture that is read as wanted.
  function keep(end) {
    let [low, high] = [0, 1];
    const at = (share) => end.map((value, k) => start[k] + share * (value - start[k]));
    for (let halving = 0; halving < HALVINGS; halving++) {
      const middle = (low + high) / 2;
      if (isThere(at(middle))) high = middle;
      else low = middle;
    }
    const found = rounded(at(high));
    const change = start.map((value, k) => found[k] - value);
    const length = Math.hypot(...change);
    if (best && length >= best.length) return false;
    best = { image: found, change, length };
    return true;
  }

  for (const against of AGAINST) {
    const crossed = across(network, start, wanted, scale, against);
    if (crossed && keep(crossed)) break;
  }
  if (!best) return null;
  for (let round = 0; round < ROUNDS; round++) {
    const { gradient } = gapAt(network, best.image, wanted, scale);
    const gain = dot(gradient, best.change);
    const end = BEYOND.map((factor) => alongTo(start, gradient, factor * gain)).find(isThere);
    if (!end || !keep(end)) break;
  }
  return best;
}

// Step by step to a picture that is read as wanted: against whichever class stands highest.
function across(network, start, wanted, scale, against) {
  let pixels = start;
  for (let step = 0; step < STEPS; step++) {
    const { gap, gradient } = gapAt(network, pixels, wanted, scale, against);
    if (gap >= 0 && winner(network.forward(rounded(pixels)).logits) === wanted) return pixels;
    const next = alongTo(pixels, gradient, BEYOND[0] * Math.max(-gap, 0.01), LONGEST);
    if (next.every((value, k) => value === pixels[k])) return null; // no pixel can move
    pixels = next;
  }
  return null;
}

// The logit of the wanted class less the highest of the others, and its gradient with respect to the pixels, in which the
// other may count for less.
function gapAt(network, pixels, wanted, scale, against = 1) {
  const { logits, outputs } = network.forward(pixels);
  const other = winner(logits, wanted);
  const slope = slopesOfLogits(network, logits, outputs.at(-1));
  const dout = logits.map((_, k) => (k === wanted ? slope(k) : k === other ? -against * slope(k) : 0));
  const { dinput } = network.backward(dout);
  return { gap: logits[wanted] - logits[other], gradient: dinput.map((value, k) => value * scale[k]) };
}

// d logit / d output: a network that ends in a softmax has the logarithms of its outputs as logits.
function slopesOfLogits({ layers, temperature }, logits, out) {
  return layers.at(-1).type === 'Softmax' ? (k) => 1 / Math.max(out[k], 2 ** -126) : () => 1 / temperature;
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

// How much an input grows with its pixel, which is the same everywhere: inputs are pixels on another scale.
function slopeOfInputs(network) {
  const [none, all] = [0, LEVELS].map((level) => network.forward(new Uint8Array(784).fill(level)).inputs[0]);
  return all.map((value, k) => (value - none[k]) / LEVELS);
}

const rounded = (pixels) => Uint8Array.from(pixels, Math.round);
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

// The place of the highest logit, of all but one.
export function winner(logits, without = -1) {
  let best = without === 0 ? 1 : 0;
  for (let k = 0; k < logits.length; k++) if (k !== without && logits[k] > logits[best]) best = k;
  return best;
}

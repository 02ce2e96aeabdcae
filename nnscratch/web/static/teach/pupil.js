// The page's network as a pupil: lessons that change it, what is read meanwhile, undo, and an exam for what it cost.

import { parseNetwork } from '../engine/network.js';
import { readDrawing } from '../reader.js';
import { countRight, loadTestDigits } from './exam.js';
import { lesson, moved, restore, weightsOf } from './teaching.js';

const [ALIVE, SLICE] = [60, 10]; // steps of which each has a frame; milliseconds for those after them
const ROUNDS = 5; // of all corrections, until each of them is read

const nextFrame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });

// The image of a correction's drawing, as the page reads it; null where nothing is found in it.
const imageOf = (network, drawing) => readDrawing(network, drawing, true)[0]?.image ?? null;

export function pupil(context) {
  const before = []; // the weights before each lesson
  let exam = null; // { network: a second one of the same file, digits, right: those of the file's weights }

  // The file's own weights are the first that were changed.
  const isTaught = () => before.length > 0;

  // Teaches an image, a step a frame, or more if they are many; onStep is called with all so far. Returns the steps. What
  // fails changes nothing.
  async function teach(network, image, label, onStep = () => {}) {
    const weights = weightsOf(network);
    const steps = [];
    let due = 0;
    try {
      for (const step of lesson(network, image, label)) {
        steps.push(step);
        if (steps.length > ALIVE && performance.now() < due) continue;
        context.readAgain();
        onStep(steps);
        await nextFrame();
        due = performance.now() + SLICE;
      }
    } catch (error) {
      restore(network, weights);
      context.readAgain();
      throw error;
    }
    if (steps.length > 1) before.push(weights);
    context.readAgain();
    onStep(steps);
    return { steps, moved: moved(network, weights) };
  }

  // Teaches all corrections in turns until it reads them: one lesson, for undo. Returns how many it reads.
  async function teachAll(network, corrections) {
    const weights = weightsOf(network);
    const first = before.length;
    let right = 0;
    try {
      for (let round = 0; round < ROUNDS && right < corrections.length; round++) {
        for (const { strokes, brush, label } of corrections) {
          const image = imageOf(network, { strokes, brush });
          if (image) await teach(network, image, label);
        }
        right = countRead(network, corrections);
      }
    } finally {
      if (before.length > first) before.splice(first, before.length, weights);
    }
    return right;
  }

  const countRead = (network, corrections) =>
    corrections.filter(({ label, ...drawing }) => readDrawing(network, drawing, true)[0]?.reading.digit === label).length;

  function undo(network) {
    restore(network, before.pop());
    context.readAgain();
  }

  function undoAll(network) {
    restore(network, before[0]);
    before.length = 0;
    context.readAgain();
  }

  // { before, now, of }: test digits that it reads right; null where onProgress ended it.
  async function examine(network, onProgress) {
    exam ??= await prepared();
    exam.right ??= await countRight(exam.network, exam.digits, (share) => onProgress(share / 2));
    if (exam.right === null) return null;
    restore(exam.network, weightsOf(network));
    const now = await countRight(exam.network, exam.digits, (share) => onProgress((1 + share) / 2));
    return now === null ? null : { before: exam.right, now, of: exam.digits.labels.length };
  }

  // A second network, so that the page goes on reading with the first.
  async function prepared() {
    const { address } = context.config.networks.find(({ name }) => name === context.reader);
    const [digits, response] = await Promise.all([loadTestDigits('data/test-digits.bin'), fetch(address)]);
    return { network: parseNetwork(await response.arrayBuffer()), digits, right: null };
  }

  return { teach, teachAll, countRead, undo, undoAll, examine, isTaught, lessons: () => before.length };
}

// Work that follows the pointer, and never holds it up.

const SHARE = 2; // times as long as it takes is its rest: the pen has two thirds of the time

// A function that has `work` done in the next animation frame: once, however often it is called before that.
export function everyFrame(work) {
  let asked = false;
  let rested = 0;
  function frame() {
    const start = performance.now();
    if (start < rested) {
      requestAnimationFrame(frame);
      return;
    }
    asked = false;
    work();
    const end = performance.now();
    rested = end + SHARE * (end - start);
  }
  return () => {
    if (!asked) requestAnimationFrame(frame);
    asked = true;
  };
}

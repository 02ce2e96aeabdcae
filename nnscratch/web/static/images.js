// Small pictures of grey levels, with their values under the pointer.

// image: { pixels: Uint8Array, width, height }
export function picture({ pixels, width, height }, label, onValue) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  if (label) canvas.setAttribute('role', 'img');
  if (label) canvas.setAttribute('aria-label', label);
  const context = canvas.getContext('2d');
  const shown = context.createImageData(width, height);
  const words = new Uint32Array(shown.data.buffer); // alpha, and three times the level
  pixels.forEach((level, k) => (words[k] = 0xff000000 + 0x010101 * level));
  context.putImageData(shown, 0, 0);
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    const column = clamp(((event.clientX - box.left) / box.width) * width, width);
    const row = clamp(((event.clientY - box.top) / box.height) * height, height);
    onValue(`${label}, row ${row}, column ${column}: ${pixels[row * width + column]} of 255`);
  });
  return canvas;
}

export const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const clamp = (value, size) => Math.min(Math.max(Math.floor(value), 0), size - 1);

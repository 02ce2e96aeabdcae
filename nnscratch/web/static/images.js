// Small pictures out of the server's bytes, with their values under the pointer.

const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// Grey levels: {width, height, pixels}. Numbers of either sign: {width, height, top, signed}; blue below 0, orange above.
export function picture(image, label, onValue) {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  const signed = 'signed' in image;
  const bytes = decode(image.pixels ?? image.signed);
  const values = signed ? new Int8Array(bytes.buffer) : bytes;
  const context = canvas.getContext('2d');
  const shown = context.createImageData(image.width, image.height);
  values.forEach((value, k) => shown.data.set(signed ? diverging(value / 127) : [value, value, value, 255], 4 * k));
  context.putImageData(shown, 0, 0);
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    const column = clamp(((event.clientX - box.left) / box.width) * image.width, image.width);
    const row = clamp(((event.clientY - box.top) / box.height) * image.height, image.height);
    const value = values[row * image.width + column];
    const text = signed ? ((value / 127) * image.top).toPrecision(3) : String(value);
    onValue(`${label}, row ${row}, column ${column}: ${text}`);
  });
  return canvas;
}

const clamp = (value, size) => Math.min(Math.max(Math.floor(value), 0), size - 1);

function diverging(value) {
  const strength = Math.sqrt(Math.abs(value)); // small ones show too
  const [red, green, blue] = value > 0 ? [224, 123, 57] : [66, 133, 205];
  const mix = (color) => Math.round(18 + (color - 18) * strength);
  return [mix(red), mix(green), mix(blue), 255];
}

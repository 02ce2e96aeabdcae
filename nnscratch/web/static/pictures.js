// Pictures and photos: from a file to what the server takes, and what surrounds it on the pad.

const LARGEST = 900; // pixels of a picture's longer side, before it is sent
const SMALL = 100; // pixels of the longer side, enough to tell a border's colour
const MOST = 700_000; // bytes of a picture: in base64 a third more, and the server takes a million
const KINDS = [['image/png'], ['image/jpeg', 0.92], ['image/jpeg', 0.8], ['image/jpeg', 0.5]]; // the first that fits

// The picture of a file, no larger than is sent. Throws an Error, one sentence for people.
export async function opened(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name || 'That'} is not a picture that this browser can read.`);
  }
  const factor = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  if (factor === 1) return onPaper(bitmap);
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  return onPaper(await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: 'high' }));
}

// The same of an image of grey levels, Uint8Array.
export async function ofLevels(levels, width, height) {
  const shown = new ImageData(width, height);
  levels.forEach((level, k) => shown.data.set([level, level, level, 255], 4 * k));
  return onPaper(await createImageBitmap(shown));
}

// A picture with the paper its border is of: { bitmap, paper, dark }.
function onPaper(bitmap) {
  const reduced = Math.min(1, SMALL / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(reduced * side)));
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = Array.from({ length: width * height }, (_, k) => data.subarray(4 * k, 4 * k + 4));
  const atBorder = (k) => k < width || k >= width * (height - 1) || k % width === 0 || k % width === width - 1;
  const border = pixels.filter((_, k) => atBorder(k));
  const [red, green, blue, alpha] = [0, 1, 2, 3].map((band) => median(border.map((pixel) => pixel[band])));
  const opaque = pixels.filter((pixel) => pixel[3] > 127);
  const dark = alpha > 127 ? grey([red, green, blue]) < 128 : median(opaque.map(grey)) > 127; // see-through: as suits its ink
  return { bitmap, paper: alpha > 127 ? `rgb(${red} ${green} ${blue})` : dark ? '#000' : '#fff', dark };
}

const grey = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

// A picture on its paper, as a data URL that the server takes.
export async function asDataURL({ bitmap, paper }) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  context.fillStyle = paper;
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  let blob;
  for (const [type, quality] of KINDS) {
    blob = await canvas.convertToBlob({ type, quality });
    if (blob.size <= MOST) break;
  }
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error('The picture cannot be read.'));
    reader.readAsDataURL(blob);
  });
}

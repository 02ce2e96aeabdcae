// What a drawing looks like, on the screen and in a question: paper, a picture on it, and strokes.

const SMALL = 100; // pixels of the longer side, enough to tell a border's colour
const MOST = 700_000; // bytes of a picture: in base64 a third more, and the server takes a million
const KINDS = [['image/png'], ['image/jpeg', 0.92], ['image/jpeg', 0.8], ['image/jpeg', 0.5]]; // the first that fits

// A picture with the paper its border is of, and ink that stands out from it.
export function onPaper(bitmap) {
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
  const paper = alpha > 127 ? `rgb(${red} ${green} ${blue})` : dark ? '#000' : '#fff';
  return { bitmap, paper, ink: dark ? '#fff' : '#000', dark };
}

const grey = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

// Where a picture lies in a square: as large as fits, in the middle; scale is its own pixels for each of the square's.
export function place({ bitmap }, size) {
  const scale = Math.max(bitmap.width, bitmap.height) / size;
  const [width, height] = [bitmap.width / scale, bitmap.height / scale];
  return { left: (size - width) / 2, top: (size - height) / 2, width, height, scale };
}

// Paint the part of a drawing that a frame names, at its scale.
export function paint(context, { picture, strokes, size }, { paper, ink }, { left, top, width, height, scale }) {
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  context.fillStyle = paper;
  context.fillRect(left, top, width, height);
  if (picture) {
    const at = place(picture, size);
    context.imageSmoothingEnabled = scale < 4 * at.scale; // larger ones show their pixels
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture.bitmap, at.left, at.top, at.width, at.height);
  }
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.strokeStyle = context.fillStyle = stroke.erase ? paper : ink;
    context.lineWidth = stroke.width;
    context.beginPath();
    const [x, y] = stroke.points[0];
    if (stroke.points.length === 1) {
      context.arc(x, y, stroke.width / 2, 0, 7); // a tap is a dot
      context.fill();
      continue;
    }
    context.moveTo(x, y);
    for (const point of stroke.points.slice(1)) context.lineTo(...point);
    context.stroke();
  }
}

// The same as a data URL that the server takes.
export async function painted(drawing, colours, frame) {
  const [width, height] = [frame.width, frame.height].map((side) => Math.max(1, Math.round(side * frame.scale)));
  const canvas = new OffscreenCanvas(width, height);
  paint(canvas.getContext('2d'), drawing, colours, frame);
  let blob;
  for (const [type, quality] of KINDS) {
    blob = await canvas.convertToBlob({ type, quality });
    if (blob.size <= MOST) break;
  }
  return dataURL(blob);
}

function dataURL(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error('the picture cannot be read'));
    reader.readAsDataURL(blob);
  });
}

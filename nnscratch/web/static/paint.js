// What a drawing looks like on the screen: paper, a picture on it, or strokes.

// Where a picture lies in a square: as large as fits, in the middle; scale is its own pixels for each of the square's.
export function place({ bitmap }, size) {
  const scale = Math.max(bitmap.width, bitmap.height) / size;
  const [width, height] = [bitmap.width / scale, bitmap.height / scale];
  return { left: (size - width) / 2, top: (size - height) / 2, width, height, scale };
}

// Paint the pad, at so many screen pixels for each of its own.
export function paint(context, { picture, strokes, ghost, brush, size }, { paper, ink, faint }, scale) {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = picture ? picture.paper : paper;
  context.fillRect(0, 0, size, size);
  if (picture) {
    const at = place(picture, size);
    context.imageSmoothingEnabled = scale < 4 * at.scale; // larger ones show their pixels
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture.bitmap, at.left, at.top, at.width, at.height);
  }
  paintStrokes(context, ghost, brush, faint);
  paintStrokes(context, strokes, brush, ink);
}

export function paintStrokes(context, strokes, brush, color) {
  context.strokeStyle = context.fillStyle = color;
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = brush;
  for (const stroke of strokes) {
    context.beginPath();
    const [[x, y], ...rest] = stroke;
    if (rest.length === 0) {
      context.arc(x, y, brush / 2, 0, 7); // a tap is a dot
      context.fill();
      continue;
    }
    context.moveTo(x, y);
    for (const point of rest) context.lineTo(...point);
    context.stroke();
  }
}

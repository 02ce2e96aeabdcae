// Strokes become an image as MNIST's are: 28 x 28, the digit 20 pixels high or wide, its ink's centre in the middle.
"use strict";

const Pen = (() => {
  const SIZE = 28, BOX = 20, FINE = 4, BRUSH = 2.2; // pixels; FINE x FINE finer ones make each

  /** strokes: lists of [x, y] in any unit. Return rows of 0..1, or null where nothing is drawn. */
  function image(strokes) {
    const points = strokes.flat();
    if (!points.length) return null;
    const [left, top] = [0, 1].map((k) => Math.min(...points.map((point) => point[k])));
    const [right, bottom] = [0, 1].map((k) => Math.max(...points.map((point) => point[k])));
    const scale = (BOX - BRUSH) / Math.max(right - left, bottom - top, 0.05);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIZE * FINE;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(context, { lineWidth: BRUSH * FINE, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
    const middle = (SIZE * FINE) / 2;
    for (const stroke of strokes) {
      context.beginPath();
      for (const [x, y] of [...stroke, stroke.at(-1)])
        context.lineTo(middle + (x - (left + right) / 2) * scale * FINE, middle + (y - (top + bottom) / 2) * scale * FINE);
      context.stroke();
    }
    const fine = context.getImageData(0, 0, SIZE * FINE, SIZE * FINE).data;
    const rows = Array.from({ length: SIZE }, (_, r) => Array.from({ length: SIZE }, (_, c) => {
      let sum = 0;
      for (let i = 0; i < FINE; i++)
        for (let j = 0; j < FINE; j++) sum += fine[4 * ((r * FINE + i) * SIZE * FINE + c * FINE + j) + 3];
      return sum / (255 * FINE * FINE);
    }));
    return centred(rows);
  }

  /** Move the image by whole pixels until its ink's centre is in the middle. */
  function centred(rows) {
    let [sum, down, right] = [0, 0, 0];
    rows.forEach((row, r) => row.forEach((ink, c) => { sum += ink; down += ink * r; right += ink * c; }));
    const [dr, dc] = [down, right].map((moment) => {
      const shift = Math.round((SIZE - 1) / 2 - moment / sum), room = (SIZE - BOX) / 2;
      return Math.max(-room, Math.min(room, shift)); // no ink is pushed out
    });
    return rows.map((_, r) => rows.map((_, c) => rows[r - dr]?.[c - dc] ?? 0));
  }

  return { image, SIZE };
})();

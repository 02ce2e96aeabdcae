// What the widgets on images share: their numbers, and maps of numbers as squares, orange above 0 and blue below.
"use strict";

const Maps = (() => {
  const LOW = [58, 134, 230], MIDDLE = [20, 20, 22], HIGH = [240, 130, 50];

  /** Return the numbers that a cell of the chapter left for a widget. */
  const data = (name) => JSON.parse(document.querySelector(`script[data-for="${name}"]`).textContent);

  /** Return the colour of a number whose largest neighbour is `top`; `gray`: from black to white. */
  function color(number, top, gray = false) {
    const share = Math.max(-1, Math.min(1, top ? number / top : 0));
    if (gray) return `rgb(${[0, 0, 0].fill(Math.round(255 * Math.max(0, share))).join()})`;
    const end = share < 0 ? LOW : HIGH;
    return `rgb(${MIDDLE.map((from, k) => Math.round(from + Math.abs(share) * (end[k] - from))).join()})`;
  }

  const largest = (map) => Math.max(...map.flat().map(Math.abs));

  /** Draw rows of numbers as squares of `side` at (x, y), and a title above. */
  function draw(context, map, x, y, side, { top = largest(map), gray = false, title = "", ink = "gray" } = {}) {
    map.forEach((row, r) =>
      row.forEach((number, c) => {
        context.fillStyle = color(number, top, gray);
        context.fillRect(x + c * side, y + r * side, side + 0.5, side + 0.5);
      }),
    );
    context.fillStyle = ink;
    context.textAlign = "left";
    context.fillText(title, x, y - 6);
  }

  /** Draw a frame around rows x columns squares, of which the first is at row `r`, column `c`. */
  function frame(context, x, y, side, r, c, rows, columns, color) {
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.strokeRect(x + c * side - 1, y + r * side - 1, columns * side + 2, rows * side + 2);
  }

  /** Draw rows of numbers, each in its cell; `marked`: [row, column] of the one with a frame. */
  function table(context, map, x, y, side, { top = largest(map), gray = false, title = "", ink, marked } = {}) {
    draw(context, map, x, y, side, { top, gray, title, ink });
    const font = context.font;
    context.font = `${Math.round(side * 0.4)}px system-ui, sans-serif`;
    context.textAlign = "center";
    map.forEach((row, r) =>
      row.forEach((number, c) => {
        context.fillStyle = gray && number > 0.5 * top ? "#111" : "#fff";
        context.fillText(cell(number), x + (c + 0.5) * side, y + (r + 0.63) * side);
      }),
    );
    context.font = font;
    if (marked) frame(context, x, y, side, ...marked, 1, 1, "#fff");
  }

  /** Return a number of at most four characters. */
  function cell(number) {
    const text = Math.abs(number) >= 99.5 ? number.toFixed(0) : Math.abs(number) >= 9.95 ? number.toFixed(0) : number.toFixed(1);
    const short = Math.abs(number) < 0.995 ? number.toFixed(2).replace("0.", ".") : text;
    return Number(number.toFixed(2)) === 0 ? "0" : short.replace("-", "−");
  }

  return { data, color, draw, frame, table, largest, cell };
})();

// The network as a picture: a small one of each layer's numbers, that of its gradient once the backward pass is there.
"use strict";

const COLORS = { low: [58, 134, 230], middle: [20, 20, 22], high: [240, 130, 50] }; // those of pages/html.py

// Rows and columns for a vector: whole ones where that is no long strip.
function sides(size) {
  const root = Math.ceil(Math.sqrt(size));
  for (let rows = Math.floor(Math.sqrt(size)); rows * 3 > root; rows--) if (size % rows === 0) return [rows, size / rows];
  return [Math.ceil(size / root), root];
}

function paint(canvas, { values, shape }) {
  const [maps, H, W] = shape.length === 3 ? shape : [1, ...sides(values.length)];
  const columns = Math.ceil(Math.sqrt(maps)), gap = maps > 1 ? 1 : 0, down = Math.ceil(maps / columns);
  [canvas.width, canvas.height] = [columns * (W + gap) - gap, down * (H + gap) - gap];
  const context = canvas.getContext("2d"), top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  values.forEach((value, i) => {
    const map = Math.floor(i / (H * W)), row = Math.floor(i / W) % H, share = Math.abs(value) / top, end = value < 0 ? COLORS.low : COLORS.high;
    context.fillStyle = `rgb(${COLORS.middle.map((part, c) => Math.round(part + share * (end[c] - part))).join(" ")})`;
    context.fillRect((map % columns) * (W + gap) + (i % W), Math.floor(map / columns) * (H + gap) + row, 1, 1);
  });
}

const painted = new Map(); // what each canvas shows, for not all change from state to state

function paintNetwork({ phase, layer }) {
  const at = names.indexOf(layer), isBack = phase === "backward" || phase === "update";
  const network = document.querySelector(".layers");
  network.dataset.phase = phase;
  for (const node of network.querySelectorAll("a")) {
    const canvas = node.querySelector("canvas"), position = names.indexOf(node.dataset.node);
    const hasGradient = isBack && (phase === "update" || position >= at - 1);
    const shown = position < 0 ? { values: Float64Array.from(data.p), shape: [data.p.length] } : (hasGradient ? douts : outputs)[position];
    if (painted.get(canvas) !== shown) paint(canvas, shown);
    painted.set(canvas, shown);
    node.classList.toggle("waits", phase === "forward" && (position < 0 || position > at));
    node.classList.toggle("gradient", position >= 0 && hasGradient);
    node.href = nodeAddress(node.dataset.node, phase);
    if (node.dataset.node === layer) node.setAttribute("aria-current", "step");
    else node.removeAttribute("aria-current");
  }
  const current = network.querySelector("[aria-current]").parentElement;
  network.scrollTo({ left: current.offsetLeft - (network.clientWidth - current.offsetWidth) / 2, behavior: calm.matches ? "auto" : "smooth" });
}

function nodeAddress(layer, phase) {
  if (layer === "loss") return "#loss&phase=loss";
  return `#${layer}&phase=${stageOf(phase, layer) ? phase : phase === "update" && layer !== "input" ? "backward" : "forward"}`;
}

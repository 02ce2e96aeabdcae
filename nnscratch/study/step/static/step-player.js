// The player: one state after the other, forward, loss, backward, update; each has an address.
"use strict";

const PAUSE = 2200; // milliseconds for each state
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const stages = [...document.querySelectorAll(".stage")];
const control = (id) => document.getElementById(id);
let state, timer = null;

const numberOf = () => stages.indexOf(stageOf(state.phase, state.layer));

// Shows a state by its address, so that the browser's own buttons lead through what was seen.
function go(next, { replace = false } = {}) {
  const to = address(next);
  if (to === location.hash) show(next);
  else if (replace) location.replace(to);
  else location.hash = to;
}

// How high the player is, for the panel stays below it.
const bar = document.querySelector(".player");
new ResizeObserver(() => document.body.style.setProperty("--bar", `${bar.offsetHeight}px`)).observe(bar);

// Brings a new card back into view for those who had scrolled past its beginning.
function bringUp(card) {
  const top = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight + 12 : 0;
  const above = card.getBoundingClientRect().top - top;
  if (above < 0) scrollBy({ top: above - 4, behavior: "instant" });
}

function show(next) {
  const isFirst = !state, moved = isFirst || state.phase !== next.phase || state.layer !== next.layer;
  state = next;
  stages.forEach((stage) => { stage.hidden = stage !== stageOf(state.phase, state.layer); });
  unlight();
  if (moved) {
    paintNetwork(state);
    if (!stages[numberOf()].dataset.ready) prepare(stages[numberOf()]);
    stages[numberOf()].dataset.ready = "yes";
    if (!isFirst) bringUp(stages[numberOf()]);
  }
  showNumber(state.name, state.at);
  const number = numberOf(), value = formatNumber(valueOf(state.name, state.at));
  control("where").textContent = `${state.layer === state.phase ? "" : `${state.layer} `}${state.phase}, ${number + 1} of ${stages.length}`;
  control("jump").textContent = `${shownName(state.name, state.at)} = ${value}`;
  control("note").textContent = "";
  control("unit").value = shownName(state.name, state.at);
  control("back").disabled = number === 0;
  control("next").disabled = number === stages.length - 1;
  for (const link of document.querySelectorAll("#phases a")) {
    const { to } = link.dataset, there = stageOf(to, state.layer) ?? stages.find((stage) => stage.dataset.phase === to);
    link.hidden = !there; // nothing is updated where there are no parameters
    link.href = `#${there?.dataset.layer}&phase=${to}`;
    if (to === state.phase) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function showAddress() {
  const next = stateOf(location.hash) ?? stateAt("forward", data.first);
  if (next.error) {
    if (!state) show(stateAt("forward", data.first));
    control("note").textContent = next.error;
  } else show(next);
}

// ---- buttons and keys

function move(by, options) {
  const { phase, layer } = stages[Math.min(Math.max(numberOf() + by, 0), stages.length - 1)].dataset;
  go(stateAt(phase, layer), options);
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => {
    if (numberOf() === stages.length - 1) play(false);
    else move(1, { replace: true });
  }, PAUSE) : null;
  control("play").textContent = on ? "Pause" : "Play";
  control("play").setAttribute("aria-pressed", String(on));
  if (on && numberOf() === stages.length - 1) move(1 - stages.length);
}

function step(by) {
  play(false);
  move(by);
}

control("back").addEventListener("click", () => step(-1));
control("next").addEventListener("click", () => step(1));
control("play").addEventListener("click", () => play(timer === null));
control("jump").addEventListener("click", () => {
  document.querySelector("aside").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
  panel.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, .wide, pre")) return;
  const act = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), " ": () => play(timer === null) }[event.key];
  if (!act || (event.key === " " && event.target.closest("button, summary"))) return;
  event.preventDefault();
  act();
});

control("copy").addEventListener("click", async () => {
  const link = location.href.split("#")[0] + address(state);
  let copied = true;
  try {
    await navigator.clipboard.writeText(link);
  } catch { // where the browser does not let pages write there
    const box = element("textarea", { "aria-label": "link" });
    box.value = link;
    document.body.append(box);
    box.select();
    copied = document.execCommand("copy");
    box.remove();
  }
  control("copy").textContent = copied ? "Copied" : "Copy the address above";
  setTimeout(() => { control("copy").textContent = "Copy link"; }, 2000);
});

control("which").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, at, phase: wanted, error } = resolved(control("unit").value, state.layer);
  if (error) {
    control("note").textContent = error;
    return;
  }
  const [phase, layer] = home(name, wanted ?? (known.get(name).of.split(".")[0] === state.layer ? state.phase : undefined));
  play(false);
  go({ name, at, phase, layer });
});

document.addEventListener("click", (event) => {
  const image = event.target.closest("img[data-name]"), number = image && numberIn(image, placeIn(image, event));
  if (!number) return;
  play(false);
  go({ ...state, name: number[0], at: number[1] });
});

document.body.classList.add("playing");
window.addEventListener("hashchange", showAddress);
showAddress();

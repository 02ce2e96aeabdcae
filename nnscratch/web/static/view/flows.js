// What flows between one stage and the next: the strongest connections, few enough to see.

const MAPS = 64; // lines between maps
const UNITS = 24; // units of a dense layer that have lines, and how many each
const EACH = 4;

const strongest = (indices, strength, count) => indices.sort((a, b) => Math.abs(strength(b)) - Math.abs(strength(a))).slice(0, count);

// [{ from, to (units), ofMaps: whether they stand for their whole maps, value }] into the layer that begins a stage.
// Forward, a connection carries its input's activity times its weight; backward, its output's slope times its weight.
export function flowsInto({ layers }, { pass, back }, before, stage) {
  const layer = layers[stage.first];
  const [x, slopes] = [pass.inputs[stage.first], back?.douts[stage.first]];
  if (layer.type === 'Dense') return dense(layer.p.W, x, slopes ?? pass.outputs[stage.last], Boolean(back));
  const [C, H, W] = before.shape;
  const [sourceMeans, targetMeans] = [means(x, C), slopes && means(slopes, stage.shape[0])];
  const maps = layer.type === 'Conv2D' ? convolved(layer) : Array.from({ length: C }, (_, c) => ({ f: c, c, weight: 1 }));
  const size = stage.shape[1] * stage.shape[2];
  const flows = maps.map(({ f, c, weight }) => ({ from: c * H * W, to: f * size, ofMaps: true, value: weight * (back ? targetMeans[f] : sourceMeans[c]) }));
  return strongest(flows, (flow) => flow.value, MAPS);
}

function means(values, C) {
  const size = values.length / C;
  const found = new Float64Array(C);
  values.forEach((value, k) => { found[Math.floor(k / size)] += Math.abs(value) / size; });
  return found;
}

// A kernel's sum, for each pair of maps that it joins.
function convolved({ p, parameters: { W: [F, C] } }) {
  const n = p.W.length / (F * C);
  return Array.from({ length: F * C }, (_, pair) => {
    let weight = 0;
    for (let k = pair * n; k < (pair + 1) * n; k++) weight += p.W[k];
    return { f: Math.floor(pair / C), c: pair % C, weight };
  });
}

function dense(W, x, out, isBack) {
  const K = x.length;
  const used = strongest(Array.from(out.keys()), (d) => out[d], UNITS).filter((d) => out[d] !== 0);
  return used.flatMap((d) => {
    const value = (k) => W[d * K + k] * (isBack ? out[d] : x[k]);
    return topOf(K, value, EACH).map((k) => ({ from: k, to: d, ofMaps: false, value: value(k) }));
  });
}

// The places of the largest values, without sorting all.
export function topOf(length, value, count) {
  const top = [];
  for (let k = 0; k < length; k++) {
    const size = Math.abs(value(k));
    if (size === 0 || (top.length === count && size <= top.at(-1).size)) continue;
    const smaller = top.findIndex((one) => one.size < size);
    top.splice(smaller < 0 ? top.length : smaller, 0, { k, size });
    if (top.length > count) top.pop();
  }
  return top.map(({ k }) => k);
}

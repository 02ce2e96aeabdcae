// What an optimiser does to one parameter, term by term.
"use strict";

// The same lines as update_lines of study/step/update.py.
function update(path, at, gradient) {
  const o = data.optimizer, lr = o.learning_rate, decays = data.decayed.includes(path) ? o.weight_decay : 0;
  let theta = read(parameters[path], at), g = gradient;
  const lines = [["theta", "as it was", theta], ["g", `d${path}, from the backward pass`, g], ["lr", "learning rate", lr]];
  if (decays && o.kind === "AdamW") {
    theta -= lr * decays * theta;
    lines.push(["theta", `theta - lr ${decays} theta: decoupled weight decay`, theta]);
  } else if (decays) {
    g += decays * theta;
    lines.push(["g", `g + ${decays} theta: weight decay`, g]);
  }
  let step = lr * g;
  if (o.kind.startsWith("Adam")) {
    const m = (1 - o.beta1) * g, v = (1 - o.beta2) * g * g, mHat = m / (1 - o.beta1), vHat = v / (1 - o.beta2);
    lines.push(["m", `${o.beta1} * 0 + ${shown(1 - o.beta1)} g`, m], ["v", `${o.beta2} * 0 + ${shown(1 - o.beta2)} g^2`, v],
      ["m_hat", `m / (1 - ${o.beta1}^1)`, mHat], ["v_hat", `v / (1 - ${o.beta2}^1)`, vHat]);
    step = lr * mHat / (Math.sqrt(vHat) + o.eps);
  } else if (o.kind === "RMSProp") {
    const v = (1 - o.decay) * g * g;
    lines.push(["v", `${o.decay} * 0 + ${shown(1 - o.decay)} g^2`, v]);
    step = lr * g / (Math.sqrt(v) + o.eps);
  } else if (o.kind !== "SGD") {
    lines.push(["m", `${o.momentum} * 0 + g`, g]);
    if (o.kind === "Nesterov") step = lr * (g + o.momentum * g);
  }
  return [...lines, ["step", data.optimizer.formula, step], ["new theta", "theta - step", theta - step]];
}

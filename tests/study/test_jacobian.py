"""What depends on what comes from the layers themselves: the library's, and those of the reader's own."""

from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli.commands.studies import step as command
from nnscratch.study.step import arithmetic, tables
from nnscratch.study.step import page as step_page
from nnscratch.study.step import text as step_text
from nnscratch.study.step.step import take_step
from tests.tools.commands import run_inside


@dataclass(eq=False)
class Scale(nn.Layer):
    """(C, H, W) or (D,): a factor for each channel."""

    def build(self, input_shape, rng):
        self.add("s", rng.standard_normal(input_shape[0]))
        return input_shape

    def _wide(self, x):
        return self.s.reshape(-1, *(1,) * (x.ndim - 1))

    def forward(self, x, training=False):
        self.x = x
        return self._wide(x) * x

    def backward(self, dout):
        self.ds[...] = (dout * self.x).sum(axis=tuple(range(1, dout.ndim)))
        return self._wide(dout) * dout


@dataclass(eq=False)
class Shuffle(nn.Layer):
    """The same numbers in another order."""

    def build(self, input_shape, rng):
        self.order = rng.permutation(int(np.prod(input_shape)))
        return input_shape

    def forward(self, x, training=False):
        return x.reshape(-1, x.shape[-1])[self.order].reshape(x.shape)

    def backward(self, dout):
        dx = np.empty_like(dout).reshape(-1, dout.shape[-1])
        dx[self.order] = dout.reshape(dx.shape)
        return dx.reshape(dout.shape)


@dataclass(eq=False)
class Transposed(nn.Layer):
    """out = V^T x + c with V (K, D): its first axis is not that of the output."""

    units: int = 12

    def build(self, input_shape, rng):
        self.add("V", rng.standard_normal((input_shape[0], self.units)) / 28)
        self.add("c", rng.standard_normal(self.units))
        return (self.units,)

    def forward(self, x, training=False):
        self.x = x
        return self.V.T @ x + self.c[:, None]

    def backward(self, dout):
        self.dV[...] = self.x @ dout.T
        self.dc[...] = dout.sum(axis=1)
        return self.V @ dout


@dataclass(eq=False)
class Powers(nn.Layer):
    """out = exp(a) x^2: linear neither in x nor in a (D,)."""

    def build(self, input_shape, rng):
        self.add("a", 0.1 * rng.standard_normal(input_shape))
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        return np.exp(self.a)[:, None] * x * x

    def backward(self, dout):
        self.da[...] = (dout * np.exp(self.a)[:, None] * self.x**2).sum(axis=1)
        return dout * 2 * np.exp(self.a)[:, None] * self.x


class Noise(nn.Layer):
    """A factor for each number, drawn anew in each pass."""

    stochastic = True

    def forward(self, x, training=False):
        self.factor = self.rng.uniform(0.5, 1.5, x.shape)
        return self.factor * x

    def backward(self, dout):
        return self.factor * dout


class Doubling(nn.Dense):
    """A layer of the library's with another forward pass."""

    def forward(self, x, training=False):
        return super().forward(2 * x)

    def backward(self, dout):
        return 2 * super().backward(dout)


LAYERS = [Scale, Shuffle, nn.Flatten, Transposed, Noise, Powers, Scale, lambda: Doubling(11), Shuffle]


@pytest.fixture(scope="module")
def step():
    model = nn.Sequential([nn.Conv2D(2, 3, 2), *(make() for make in LAYERS), nn.Dense(10)])
    return take_step(model, nn.load_mnist().test_images[3], 0, nn.SGD(0.1, 0.01))


def summed(sum_of):
    return sum_of.bias + sum(term.product for term in sum_of.terms)


def some(shape, count=8):
    rng = np.random.default_rng(1)
    return [tuple(int(rng.integers(0, side)) for side in shape) for _ in range(count)]


def test_every_sum_of_layers_of_ones_own_is_its_number(step):
    for k, layer in enumerate(step.network.layers):
        for unit in [step.interesting(k), *some(step.output(k).shape)]:
            forward = arithmetic.forward(step, k, unit)
            assert bool(forward.terms) == (not isinstance(layer, Powers))
            if forward.terms:
                assert summed(forward) == pytest.approx(step.output(k)[unit], rel=1e-9, abs=1e-12)
            backward = arithmetic.backward(step, k, unit)
            assert summed(backward) == pytest.approx(step.dout(k)[unit], rel=1e-9, abs=1e-12)
    for path, gradient in step.gradients.items():
        for at in some(gradient.shape, 4):
            assert summed(arithmetic.of_weight(step, path, at)) == pytest.approx(gradient[at], rel=1e-9, abs=1e-12)


def test_links_name_what_feeds_a_number_and_with_which_weight(step):
    names = [layer.name for layer in step.network.layers]
    scale, shuffle, dense, powers = 1, 2, 4, 6
    unit = (1, 4, 7)
    assert list(arithmetic.links(step, scale, unit)) == [(unit, step.before[f"{names[scale]}.s"][1], "layer1.s[1]")]
    source = np.unravel_index(step.network.layers[shuffle].order[7], step.output(scale).shape)
    ((at, factor, what),) = arithmetic.links(step, shuffle, (0, 0, 7))
    assert (at, factor, what) == (source, 1.0, "1")
    assert list(arithmetic.links_back(step, shuffle, at)) == [((0, 0, 7), 1.0, "1")]
    path = f"{names[dense]}.V"
    V = step.before[path]
    assert list(arithmetic.links(step, dense, (5,))) == [((i,), V[i, 5], f"{path}[{i}, 5]") for i in range(len(V))]
    assert list(arithmetic.links_back(step, dense, (9,))) == [((d,), V[9, d], f"{path}[9, {d}]") for d in range(12)]
    assert arithmetic.forward(step, dense, (5,)).bias == step.before[f"{names[dense]}.c"][5]
    ((at, factor, what),) = arithmetic.links(step, powers, (3,))
    assert at == (3,) and what == "d out / d x"
    assert factor == pytest.approx(2 * np.exp(step.before[f"{names[powers]}.a"][3]) * step.output(powers - 1)[3])


def test_parameters_of_ones_own_name_what_they_are_multiplied_by(step):
    sums = {path: arithmetic.of_weight(step, path, tuple(0 for _ in step.before[path].shape)) for path in step.before}
    own = {path.split(".")[1]: sum_of for path, sum_of in sums.items() if path.startswith("layer")}
    assert {term.factor_name for term in own["c"].terms} == {"1"}
    assert [term.factor_name for term in own["V"].terms] == ["flatten1[0]"]
    assert {term.factor_name for term in own["a"].terms} == {"d out / d a"}


def test_a_step_on_layers_of_ones_own_is_told_in_full(step):
    text, page = step_text.as_text(step), step_page.as_page(step)
    assert ".s[1] = " in text and ".V[" in text and "no sum; by its own backward it depends on 1" in text
    assert "d out / d x is " in text and '"own": true' in page and '"links": null' not in page
    before = {name: value.copy() for name, value in step.network.parameters.items()}
    step_text.as_text(step)
    assert all((before[name] == value).all() for name, value in step.network.parameters.items())


def test_the_command_explains_a_layer_of_ones_own(tmp_path, monkeypatch):
    model = nn.Sequential([Scale(), Shuffle(), nn.Flatten(), Transposed(), nn.Dense(10)])
    monkeypatch.setattr(command, "find_model", lambda name: (name, model))
    ask = ("study", "step", "own.npz", "test:3", "--number")
    code, out, _ = run_inside(*ask, "layer3[7]", cwd=tmp_path)
    shown = out.count(" * layer3.V[")  # those of 0 are told together
    assert code == 0 and "from 784 products" in out and f"{784 - shown} others: 0" in out
    assert " * dense1.W[3, 7] = " in out
    code, out, _ = run_inside(*ask, "layer1[0,14,14]", cwd=tmp_path)
    assert code == 0 and "input[0, 14, 14] * layer1.s[0] = " in out and "dlayer2[" in out
    code, out, _ = run_inside(*ask, "layer1.s[0]", cwd=tmp_path)
    assert code == 0 and "dlayer1.s[0] = " in out and "new theta" in out and " * input[0, 15, 8] = " in out
    code, out, _ = run_inside("study", "step", "own.npz", "test:3", cwd=tmp_path)
    assert code == 0 and "page: " in out


class MinPool(nn.MaxPool2D):
    """A layer of the library's turned about: what it keeps is not what its base class says of it."""

    def forward(self, x, training=False):
        return -super().forward(-x)

    def backward(self, dout):
        return -super().backward(-dout)


def test_a_layer_made_from_one_of_the_librarys_is_one_of_ones_own():
    model = nn.Sequential([nn.Conv2D(2, 3), MinPool(2), nn.Flatten(), nn.Dense(10)])
    step = take_step(model, nn.load_mnist().test_images[3], 0, nn.SGD(1e-3))
    ((at, factor, what),) = arithmetic.links(step, 1, (1, 6, 6))
    assert (factor, what) == (1, "1") and step.output(0)[at] == step.output(1)[1, 6, 6]
    assert step.output(1)[1, 6, 6] == step.output(0)[1, 12:14, 12:14].min()
    page = step_page.as_page(step)
    assert "max(" not in step_text.as_text(step) and page.count('"own": true') == 1


class Picky(nn.Layer):
    """Works on numbers of 0 to 1 only, and there on all of them at once."""

    def build(self, input_shape, rng):
        self.add("t", np.full(1, 0.5))
        return input_shape

    def forward(self, x, training=False):
        if x.max() > 1 or self.t.max() > 1:
            raise ValueError("too large")
        self.x = x
        return np.log(x + self.t)

    def backward(self, dout):
        self.dt[...] = (dout / (self.x + self.t)).sum()
        return dout / (self.x + self.t)


def test_a_layer_that_refuses_to_be_asked_shows_its_derivatives():
    model = nn.Sequential([nn.Flatten(), Picky(), nn.Dense(10)])
    step = take_step(model, nn.load_mnist().test_images[3], 0, nn.SGD(1e-3))
    text = step_text.as_text(step)
    assert "d out / d x is " in text and "* d out / d t = " in text and '"own": true' in step_page.as_page(step)
    sum_of = arithmetic.of_weight(step, "layer1.t", (0,))
    assert summed(sum_of) == pytest.approx(sum_of.total)


def test_a_layer_of_ones_own_that_is_too_large_is_not_on_the_page(step, monkeypatch):
    monkeypatch.setattr(tables, "OWN_UNITS", 100)
    assert [tables.layer_data(step, k)["links"] is None for k in (1, 4)] == [True, False]
    assert '"links": null' in step_page.as_page(step)
    monkeypatch.setattr(tables, "OWN_LINKS", 100)
    assert tables.layer_data(step, 4)["links"] is None


def test_the_panel_explains_layers_of_ones_own(step, browser, tmp_path):
    (tmp_path / "step.html").write_text(step_page.as_page(step))
    wrong = []
    page = browser.new_page()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((tmp_path / "step.html").as_uri())
    for name, told in panel_of(page, step):
        assert f"{name} = " in told and "NaN" not in told and "undefined" not in told
    assert wrong == []


def panel_of(page, step):
    """Ask for numbers and weights of every layer; check the totals and sums, and yield (name, text of the panel)."""
    for k, layer in enumerate(step.network.layers):
        for unit in [step.interesting(k), *some(step.output(k).shape, 1)]:
            name = f"{layer.name}[{', '.join(map(str, unit))}]"
            yield name, asked(page, name, [step.output(k)[unit], step.dout(k)[unit]])
            forward = arithmetic.forward(step, k, unit)
            largest = max(forward.terms, key=lambda term: abs(term.product), default=None)
            for told in (largest.name, largest.factor_name) if largest else ():
                assert told in page.locator("#panel").text_content()
        for parameter in layer.parameters:
            path = f"{layer.name}.{parameter}"
            at = step_text.largest(step, path)
            name = f"{path}[{', '.join(map(str, at))}]"
            yield f"d{name}", asked(page, name, [step.gradients[path][at]])


def asked(page, name, totals):
    page.fill("#unit", name)
    page.press("#unit", "Enter")
    page.wait_for_function("name => document.querySelector('#panel h2').textContent === name", arg=name)
    found = page.eval_on_selector_all("#panel [data-total]", "all => all.map(e => Number(e.dataset.total))")
    assert found == pytest.approx(totals, rel=1e-9, abs=1e-15)
    return page.locator("#panel").text_content()

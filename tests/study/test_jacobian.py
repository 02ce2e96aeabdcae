"""What depends on what comes from the layers themselves: the library's, and those of the reader's own."""

from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.study.step import arithmetic, jacobian
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

    draws = True

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
            assert bool(forward.terms) == (not isinstance(layer, Powers)) or step.output(k)[unit] == 0
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
    assert list(arithmetic.links(step, scale, unit)) == [(unit, step.before[f"{names[scale]}.s"][1], "s[1]")]
    source = np.unravel_index(step.network.layers[shuffle].order[7], step.output(scale).shape)
    ((at, factor, what),) = arithmetic.links(step, shuffle, (0, 0, 7))
    assert (at, factor, what) == (source, 1.0, "1")
    assert list(arithmetic.links_back(step, shuffle, at)) == [((0, 0, 7), 1.0, "1")]
    V = step.before[f"{names[dense]}.V"]
    assert list(arithmetic.links(step, dense, (5,))) == [((i,), V[i, 5], f"V[{i}, 5]") for i in range(len(V))]
    assert list(arithmetic.links_back(step, dense, (9,))) == [((d,), V[9, d], f"V[9, {d}]") for d in range(12)]
    assert arithmetic.forward(step, dense, (5,)).bias == step.before[f"{names[dense]}.c"][5]
    ((at, factor, what),) = arithmetic.links(step, powers, (3,))
    assert at == (3,) and what == "d out / d x"
    assert factor == pytest.approx(2 * np.exp(step.before[f"{names[powers]}.a"][3]) * step.output(powers - 1)[3])


def test_parameters_of_ones_own_name_what_they_are_multiplied_by(step):
    sums = {path: arithmetic.of_weight(step, path, tuple(0 for _ in step.before[path].shape)) for path in step.before}
    own = {path.split(".")[1]: sum_of for path, sum_of in sums.items() if path.startswith("layer")}
    assert {term.factor_name for term in own["c"].terms} == {"1"}
    assert [term.factor_name for term in own["V"].terms] == ["x[0]"]
    assert {term.factor_name for term in own["a"].terms} == {"d out / d a"}


def test_a_step_on_layers_of_ones_own_is_told_in_full(step):
    text, page = step_text.as_text(step), step_page.as_page(step)
    assert " * s[1] = " in text and " * V[" in text and "no sum; by its own backward it depends on 1" in text
    assert "d out / d x is " in text and '"kind": "own"' in page and '"kind": "other"' not in page
    before = {name: value.copy() for name, value in step.network.parameters.items()}
    step_text.as_text(step)
    assert all((before[name] == value).all() for name, value in step.network.parameters.items())


def test_the_command_explains_a_layer_of_ones_own(tmp_path):
    (tmp_path / "own.py").write_text("import nnscratch as nn\n")
    model = nn.Sequential([nn.Flatten(), nn.Dense(10)])
    model.save(tmp_path / "model.npz")
    code, out, _ = run_inside("study", "step", "model.npz", "test:3", "--number", "dense1[3]", cwd=tmp_path)
    assert code == 0 and "W[3, 783]" in out


LIBRARY = {
    "conv": (nn.Conv2D(3, (2, 3), stride=(2, 1), padding=(1, 2)), (2, 7, 6)),
    "same": (nn.Conv2D(2, 3, stride=2, padding="same"), (3, 6, 5)),
    "dense": (nn.Dense(7), (12,)),
    "max": (nn.MaxPool2D(3, 2), (2, 7, 8)),
    "average": (nn.AvgPool2D((2, 3), (1, 2)), (2, 5, 7)),
    "flatten": (nn.Flatten(), (2, 3, 4)),
    "softmax": (nn.Softmax(), (6,)),
}


class OneLayer:
    """As much of a step as the Jacobian asks of it: one layer on random numbers."""

    def __init__(self, layer, shape):
        from nnscratch.layers.network import Network

        self.network = Network([layer], shape, 1, "float64")
        self.before = {name: value.copy() for name, value in self.network.parameters.items()}
        x = np.random.default_rng(2).standard_normal((*shape, 1))
        self.arrays = [x[..., 0], self.network.forward(x, record=True)[..., 0]]

    def output(self, k):
        return self.arrays[k + 1]


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_sparse_rows_are_those_of_the_dense_jacobian(name, at_once, monkeypatch):
    monkeypatch.setattr(jacobian, "AT_ONCE", at_once)
    layer, shape = LIBRARY[name]
    layer.name = ""
    one = OneLayer(layer, shape)
    out, x = one.output(0), one.output(-1)
    twin = layer.copy()
    twin.forward(np.repeat(x[..., None], out.size, axis=-1))
    dense = twin.backward(np.eye(out.size).reshape(*out.shape, out.size)).reshape(x.size, out.size).T
    found = np.zeros_like(dense)
    pattern = np.zeros(dense.shape, bool)
    for unit, row in enumerate(jacobian.rows(one, 0, range(out.size))):
        found[unit, row.inputs], pattern[unit, row.inputs] = row.factors, True
        if row.weights:
            np.testing.assert_array_equal(layer.W.ravel()[row.weights["W"]], row.factors)
        assert (np.diff(row.inputs) > 0).all()
    np.testing.assert_array_equal(found, dense)
    assert (pattern.sum(axis=1) > 0).all()
    for number in range(x.size):
        np.testing.assert_array_equal(jacobian.fed_by(one, 0, number), np.flatnonzero(pattern[:, number]))

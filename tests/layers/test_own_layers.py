"""Layers of the reader's own that do not do what they have to: noticed, and named, wherever they are used."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.checks import COMPILED

IMAGES = np.random.default_rng(0).integers(0, 256, (64, 28, 28), np.uint8)
LABELS = np.arange(64) % 10
BACKENDS = nn.available_backends() if COMPILED else ("numpy",)


@dataclass(eq=False)
class Scale(nn.Layer):
    """out = g x, as it ought to be."""

    kind = "scale"

    def build(self, input_shape, rng):
        self.add("g", np.ones(input_shape))
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        return self.g[:, None] * x

    def backward(self, dout):
        self.dg[...] = (dout * self.x).sum(axis=1)
        return dout * self.g[:, None]


class FirstRowOut(Scale):
    def forward(self, x, training=False):
        return super().forward(x)[:1].copy()


class FirstRowBack(Scale):
    def backward(self, dout):
        return super().backward(dout)[:1].copy()


class HalfTheImages(Scale):
    def backward(self, dout):
        return super().backward(dout)[:, ::2].copy()


class NothingBack(Scale):
    def backward(self, dout):
        super().backward(dout)


class NewGradient(Scale):
    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=1)
        return dout * self.g[:, None]


class NewGradientAlone(Scale):
    def backward_parameters(self, dout):
        self.dg = (dout * self.x).sum(axis=1)


class NewAtTheStart(Scale):
    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.g = np.full(input_shape, 2.0)
        return input_shape


class WrongAlone(Scale):
    def backward_parameters(self, dout):
        self.dg[...] = dout.sum(axis=1)


class NewParameter(Scale):
    def forward(self, x, training=False):
        self.g = np.maximum(self.g, 0.1)
        return super().forward(x)


class NothingWritten(Scale):
    def backward(self, dout):
        self.grad_g = (dout * self.x).sum(axis=1)
        return dout * self.g[:, None]


class AddsUp(Scale):
    def backward(self, dout):
        self.dg += (dout * self.x).sum(axis=1)
        return dout * self.g[:, None]


class AsProperty(Scale):
    """Right, though g is no plain attribute."""

    @property
    def g(self):
        return self._g[:]

    @g.setter
    def g(self, value):
        self._g = value


class OfImagesAlone(Scale):
    """Right in use: it has no word for training."""

    def forward(self, x):
        return super().forward(x)


WRONG = {
    NothingWritten: r"backward does not fill self\.dg, the gradient of g",
    AddsUp: r"backward does not fill self\.dg, the gradient of g, which would not be trained, or adds to what it was",
    FirstRowOut: r"forward returned an array of shape \(1, .*but build promised the shape \(12, ",
    FirstRowBack: r"backward returned an array of shape \(1, .*but dx must have, as the input, the shape \(12, ",
    HalfTheImages: "backward returned an array of shape",
    NothingBack: "backward returned a NoneType",
    NewGradient: r"put another array in the place of self\.dg, .* self\.dg\[\.\.\.\] = \.\.\.",
    NewParameter: r"put another array in the place of self\.g, ",
}


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    before = nn.backend()
    nn.set_backend(request.param)
    yield
    nn.set_backend(before)


def network(layer):
    return nn.Sequential([nn.Flatten(), nn.Dense(12), nn.ReLU(), layer, nn.ReLU(), nn.Dense(10)], seed=1)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_what_a_layer_does_wrong_is_noticed_and_named(wrong):
    told = rf"^scale1 \({wrong.__name__}\): .*{WRONG[wrong]}"
    with pytest.raises(nn.DataError, match=told):
        network(wrong()).fit(IMAGES, LABELS)
    with pytest.raises(nn.DataError, match=told):
        nn.gradcheck(network(wrong()), IMAGES[:3], LABELS[:3])
    with pytest.raises(nn.DataError, match=told):
        nn.check_layer(wrong(), (12,))
    net = network(wrong())
    x = net.batches(IMAGES).x(np.arange(64))
    with pytest.raises(nn.DataError, match=told):
        net.backward(net.forward(x, record=True))


def test_a_gradient_that_only_training_puts_elsewhere():
    """The first layer with parameters has no use for dx: only backward_parameters is called."""
    net = nn.Sequential([nn.Flatten(), NewGradientAlone(), nn.Dense(10)])
    with pytest.raises(nn.DataError, match=r"scale1 \(NewGradientAlone\): backward_parameters put another array"):
        net.fit(IMAGES, LABELS)
    with pytest.raises(nn.DataError, match="put another array"):
        nn.check_layer(NewGradientAlone(), (12,))
    with pytest.raises(nn.DataError, match="put another array"):
        nn.gradcheck(net, IMAGES[:3], LABELS[:3])


def test_gradients_that_only_training_gets_are_checked_too():
    report = nn.check_layer(WrongAlone(), (12,))
    assert not report.ok
    assert [row.name for row in report.rows if row.worst > report.tolerance] == ["scale1.g, in training"]
    assert not nn.gradcheck(nn.Sequential([nn.Flatten(), WrongAlone(), nn.Dense(10)]), IMAGES[:3], LABELS[:3]).ok


def test_a_parameter_that_build_replaces_is_noticed():
    with pytest.raises(
        nn.UsageError, match=r"scale1 \(NewAtTheStart\): build put another array in the place of self\.g"
    ):
        network(NewAtTheStart())


def test_layers_put_in_and_taken_out_are_what_is_used():
    """A network's list of layers may be changed; those of one's own are compared with what they were built for."""
    net = nn.Sequential([nn.Flatten(), nn.Dense(10), Scale()])
    x = net.batches(IMAGES).x(np.arange(64))
    plain = net.forward(x)
    net.layers.append(nn.Softmax())
    np.testing.assert_allclose(net.forward(x).sum(axis=0), 1, rtol=1e-5)
    del net.layers[-1]
    assert net.forward(x).tobytes() == plain.tobytes()
    net.layers.insert(1, nn.ReLU())
    assert net.forward(x).tobytes() == plain.tobytes()  # pixels are not negative


def test_a_layer_that_nobody_has_built_is_used_as_it_is():
    """Such as one without parameters that is put in later; or one out of a pickle of before."""

    class Double(nn.Layer):
        def forward(self, x, training=False):
            return 2 * x

    net = nn.Sequential([nn.Flatten(), nn.Dense(10)])
    x = net.batches(IMAGES).x(np.arange(64))
    plain = net.forward(x)
    net.layers.append(Double())
    np.testing.assert_array_equal(net.forward(x), 2 * plain)
    old = network(Scale())
    del vars(old.layers[3])["_built_for"]
    vars(old.layers[3]).pop("_made_by_passes", None)
    assert np.isfinite(copy.deepcopy(old).fit(IMAGES, LABELS)[0]["loss"])


def test_dx_of_a_first_layer_is_looked_at_too():
    net = nn.Sequential([nn.Flatten(), FirstRowBack(), nn.Dense(10)])
    with pytest.raises(nn.DataError, match=r"scale1 \(FirstRowBack\): backward returned an array of shape \(1, "):
        net.fit(IMAGES, LABELS)


def test_a_prediction_is_looked_at():
    with pytest.raises(nn.DataError, match=r"scale1 \(FirstRowOut\)"):
        network(FirstRowOut()).predict(IMAGES)


def test_a_layer_that_is_put_in_later_and_a_method_in_the_place_of_another():
    net = network(Scale())
    other = network(FirstRowBack())
    net.layers[3] = other.layers[3]
    x = net.batches(IMAGES).x(np.arange(4))
    with pytest.raises(nn.DataError, match=r"\(FirstRowBack\)"):
        net.backward(net.forward(x))
    with pytest.raises(nn.UsageError, match="scale1 is a layer of another network, and would not be trained"):
        net.fit(IMAGES, LABELS)
    relu = nn.ReLU()
    relu.backward = lambda dout: dout[:1]
    with pytest.raises(nn.DataError, match=r"relu1 \(ReLU\): backward"):
        nn.Sequential([nn.Flatten(), nn.Dense(10), relu]).fit(IMAGES, LABELS)
    dense = nn.Dense(10)
    dense.backward_parameters = lambda dout: None
    with pytest.raises(nn.DataError, match=r"dense1 \(Dense\): backward_parameters does not fill self\.dW"):
        nn.Sequential([nn.Flatten(), dense]).fit(IMAGES, LABELS)


def test_an_orthogonal_first_value_stays_so():
    """A parameter that is no array in one piece used to be scrambled on its way into the vector."""

    class Turn(Scale):
        def build(self, input_shape, rng):
            whole, _ = np.linalg.qr(rng.standard_normal((12, 12)))
            self.add("g", whole[:, :5])
            return input_shape

    found = network(Turn()).parameters["scale1.g"]
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-6)


def test_a_prediction_asks_for_no_more_than_the_images():
    assert network(OfImagesAlone()).predict(IMAGES).shape == (64,)


@pytest.mark.parametrize("kind", [Scale, AsProperty])
def test_a_right_layer_trains_its_parameters(kind):
    net = network(kind())
    before = net.parameters["scale1.g"].copy()
    losses = [row["loss"] for row in net.fit(IMAGES, LABELS, epochs=5, optimizer=nn.Adam(1e-2))]
    assert losses[-1] < losses[0]
    assert (net.parameters["scale1.g"] != before).any()
    assert nn.gradcheck(net, IMAGES[:3], LABELS[:3]).ok
    assert nn.check_layer(Scale(), (12,)).ok


def test_layers_of_the_library_are_not_wrapped():
    """Nothing stands between the network and a layer of its own kind."""
    nn.set_backend("numpy")
    net = nn.build("lenet5")
    assert all(step is layer for step, layer in zip(net.steps(), net.layers, strict=True))


def test_a_loss_whose_gradient_has_another_shape_is_refused():
    def narrow(out, labels):
        loss, dout = nn.softmax_cross_entropy(out, labels)
        return loss, dout[:3]

    def flat(out, labels):
        return 0.5, np.zeros(out.size, out.dtype)

    for loss, shape in ((narrow, r"\(3, 64\)"), (flat, r"\(640,\)")):
        with pytest.raises(nn.UsageError, match=rf"gradient of shape {shape} for outputs of shape \(10, 64\)"):
            nn.build("logistic").fit(IMAGES, LABELS, loss=loss)


def test_forward_without_training_predicts_and_is_told_when_trained():
    class Half(nn.Layer):
        def forward(self, x):
            return x / 2

        def backward(self, dout):
            return dout / 2

    net = nn.Sequential([nn.Flatten(), Half(), nn.Dense(10)])
    assert net.predict(IMAGES[:3]).shape == (3,)
    with pytest.raises(nn.UsageError, match=r"\(Half\): forward is to be told of training: def forward\(self, x, tr"):
        net.fit(IMAGES, LABELS)

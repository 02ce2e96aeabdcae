"""Which strokes make which digit: the page finds what Python finds, and reads it alike."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.errors import DataError
from nnscratch.models.confidence import legibility
from nnscratch.models.pretrained import pretrained
from nnscratch.pictures.several.strokes import digits_in_strokes
from tests.web.engine.conftest import array, as_placed, drawings

READ = """
const { digitsInStrokes } = await import('/engine/strokes.js');
const network = parseNetwork(await bytes('network'));
const readOne = (image) => reading(network.forward(image).logits, network.limits, network.classes);
const legible = ({ confidence, verdict }) => (verdict === 'sure' || verdict === 'unsure' ? confidence : 0);
const read = (image) => legible(readOne(image));
const asked = JSON.parse(new TextDecoder().decode(await bytes('asked')));
const answer = [];
for (const { strokes, brush, single } of asked) {
  try {
    const found = digitsInStrokes(strokes, brush, { single, read });
    const all = new Uint8Array(784 * found.length);
    found.forEach(({ image }, k) => all.set(image, 784 * k));
    const verdicts = found.map(({ image }) => readOne(image).verdict);
    answer.push({ boxes: found.map(({ box }) => box), verdicts, images: await base64(all) });
  } catch (error) {
    answer.push({ error: error.message });
  }
}
return answer;
"""


@pytest.fixture(scope="module")
def model():
    return nn.load(pretrained("lenet5"))


def numbers(count, seed=0):
    """Rows of one to four digits by the same hands, apart, near and touching, and some in two lines."""
    rng, made, digits = np.random.default_rng(seed), [], iter(drawings(4 * count, seed))
    for _ in range(count):
        height, across, down = rng.uniform(60, 150), 20.0, rng.uniform(30, 150)
        strokes, brush = [], float(rng.choice([8.0, 14.0, 24.0]))
        for _ in range(rng.integers(1, 5)):
            one = next(digits)
            points = np.concatenate(one)
            low, extent = points.min(axis=0), np.ptp(points, axis=0)
            scale = height / max(extent[1], 0.4 * extent[0], 1)
            strokes += [np.round((stroke - low) * scale + [across, down], 1) for stroke in one]
            across += extent[0] * scale + brush + rng.uniform(-0.15, 0.3) * height
            if across > 380:
                across, down = 20.0, down + 1.4 * height
        made.append((strokes, brush, False))
    return made


def compare(engine, model, asked, tmp_path):
    """Return for each drawing what Python found and what the page did, having seen that they agree on the digits."""
    model.save(tmp_path / "model.safetensors")
    sent = [
        {"strokes": [s.tolist() for s in strokes], "brush": brush, "single": single} for strokes, brush, single in asked
    ]
    answers = engine.run(READ, network=(tmp_path / "model.safetensors").read_bytes(), asked=sent)
    same, images_apart = 0, 0
    for (strokes, brush, single), answer in zip(asked, answers, strict=True):
        found = digits_in_strokes(strokes, brush, single=single, read=lambda images: legibility(model.read(images)))
        boxes = [[one.left, one.top, one.width, one.height] for one in found]
        assert answer["boxes"] == boxes
        images = array(answer["images"], np.uint8).reshape(-1, 28, 28)
        for one, image in zip(found, images, strict=True):
            images_apart += np.abs(as_placed(image, one.image) - one.image.astype(int)).max() > 1
        same += not found or answer["verdicts"] == [
            one.verdict for one in model.read(np.stack([one.image for one in found]))
        ]
    assert images_apart <= len(asked) / 100  # a stroke's edge may lie just where ink begins to count
    return same


def test_numbers_are_cut_as_python_cuts_them(engine, model, tmp_path):
    asked = numbers(200)
    assert compare(engine, model, asked, tmp_path) >= 199


def test_one_digit_is_one_whatever_it_looks_like(engine, model, tmp_path):
    asked = [(strokes, brush, True) for strokes, brush, _ in numbers(20, seed=1)]
    assert compare(engine, model, asked, tmp_path) == 20


def test_what_leaves_no_ink_is_nothing(engine, model, tmp_path):
    beyond = [np.array([[-300.0, 20], [-200, 40]])]
    asked = [([], 24.0, False), (beyond, 24.0, False), ([np.array([[30.0, 30]])], 1.0, False), ([], 24.0, True)]
    assert compare(engine, model, asked, tmp_path) == 4


def test_more_than_are_read_is_said_alike(engine, model, tmp_path):
    dots = [np.array([[20.0 + 22 * k, 20 + 22 * row]]) for k in range(20) for row in range(20)]
    model.save(tmp_path / "model.safetensors")
    asked = [{"strokes": [dot.tolist() for dot in dots], "brush": 8, "single": False}]
    (answer,) = engine.run(READ, network=(tmp_path / "model.safetensors").read_bytes(), asked=asked)
    with pytest.raises(DataError) as error:
        digits_in_strokes(dots, 8.0, read=lambda images: legibility(model.read(images)))
    assert answer["error"] == str(error.value)

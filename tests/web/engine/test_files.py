"""Files of networks from anywhere: read as they were saved, or refused with one sentence, at once."""

import json
import math
import re
import struct

import numpy as np

import nnscratch as nn

REFUSED = """
const texts = [];
for (const name of JSON.parse(new TextDecoder().decode(await bytes('names')))) {
  try {
    parseNetwork(await bytes(name)).forward(new Uint8Array(784));
    texts.push('read');
  } catch (error) {
    texts.push(`${error.constructor.name}: ${error.message}`);
  }
}
return texts;
"""
DENSE = [{"layer": "Flatten"}, {"layer": "Dense", "units": 2}]
WEIGHTS = {"dense1.W": (2, 784), "dense1.b": (2,)}


def file(layers=DENSE, shapes=WEIGHTS, *, architecture=None, entries=None, data=None, head=None, **metadata):
    """The bytes of a network's file whose parts may be wrong."""
    built = {"layers": layers, "input_shape": [1, 28, 28], "dtype": "float32", "seed": 0, "normalisation": [0, 1]}
    texts = {"format": "nnscratch", "version": "1", "architecture": json.dumps(built | (architecture or {}))}
    header, start = {"__metadata__": texts | metadata}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, start + size]}
        start += size
    for name, changed in (entries or {}).items():
        header[name] = {**header.get(name, {}), **changed}
    text = json.dumps(header) if head is None else head
    body = np.zeros(start // 4, "<f4").tobytes() if data is None else data
    return struct.pack("<Q", len(text)) + text.encode() + body


def numbers(*values):
    return np.array([*values, *np.zeros(1570 - len(values))], "<f4").tobytes()


CONV = {"layer": "Conv2D", "filters": 1, "kernel": 3}
HOSTILE = {
    "empty": (b"", "header claims 0 bytes"),
    "cut in its header": (file()[:90], "header claims"),
    "cut in its data": (file()[:-4], "its arrays have 6280 bytes"),
    "a longer header than the file": (struct.pack("<Q", 1 << 62) + b"{}", "header claims"),
    "more than its arrays": (file() + b"1234", "its arrays have"),
    "no JSON": (file(head='{"a": '), "is not JSON"),
    "a list": (file(head="[]", data=b""), "no JSON object"),
    "deep": (file(head="[" * 200_000 + "]" * 200_000, data=b""), "header"),
    "a deep architecture": (file(architecture={"layers": json.loads("[" * 500 + "]" * 500)}), "has no layers"),
    "deep text": (file(limits="[" * 200_000 + "]" * 200_000), "limits"),
    "metadata of numbers": (file(temperature=1), "its temperature is not JSON"),
    "another program's": (file(format="pt"), "not the architecture"),
    "newer": (file(version="4"), "version '4'"),
    "an entry without a shape": (file(entries={"x": {"dtype": "F32"}}), "'x' has no shape"),
    "outside": (file(entries={"dense1.b": {"data_offsets": [9_000, 9_008]}}), "does not lie at bytes 6272 to 6280"),
    "overlapping": (file(entries={"dense1.b": {"data_offsets": [0, 8]}}), "does not lie at"),
    "backwards": (file(entries={"dense1.b": {"data_offsets": [6280, 6272]}}), "does not lie at"),
    "half a byte": (file(entries={"dense1.b": {"data_offsets": [6272.5, 6280.5]}}), "does not lie at"),
    "an entry that is nothing": (file(head='{"x": null}', data=b""), "'x' has no shape"),
    "less than nothing": (file(entries={"dense1.b": {"shape": [-2]}}), "'dense1.b' has no shape"),
    "integers": (file(entries={"dense1.b": {"dtype": "I32"}}), "another type than"),
    "a type that is a list": (file(entries={"dense1.b": {"dtype": ["F32"]}}), "another type than"),
    "another shape": (file(entries={"dense1.b": {"shape": [3]}}), "does not lie at"),
    "a shape of 10^9": (file(entries={"dense1.b": {"shape": [10**9, 10**9]}}), "does not lie at"),
    "NaN": (file(data=numbers(np.nan)), "dense1.W holds something else"),
    "infinity": (file(data=numbers(0, np.inf)), "dense1.W holds something else"),
    "too large": (file(data=numbers(*[3e38] * 1570), temperature="1e-300"), "no finite numbers"),
    "no weights": (file(shapes={"dense1.b": (2,)}), "dense1.W is missing, and [2,784] is due"),
    "weights of none": (file(shapes=WEIGHTS | {"dense2.b": (2,)}), "no 'dense2.b'"),
    "weights called __proto__": (file(shapes=WEIGHTS | {"__proto__": (2,)}), "no '__proto__'"),
    "other weights": (file(layers=[DENSE[0], {"layer": "Dense", "units": 3}]), "[2,784], and [3,784] is due"),
    "10^9 units": (file(layers=[DENSE[0], {"layer": "Dense", "units": 10**9}]), "multiplications"),
    "10^9 zeros": (file(layers=[CONV | {"padding": 10**9}, *DENSE]), "at most"),
    "10^9 filters": (file(layers=[CONV | {"filters": 10**9}, *DENSE]), "multiplications"),
    "a large kernel": (file(layers=[CONV | {"kernel": 10**9}, *DENSE]), "does not fit"),
    "half a unit": (file(layers=[DENSE[0], {"layer": "Dense", "units": 1.5}]), "and [1.5,784] is due"),
    "units called 2": (file(layers=[DENSE[0], {"layer": "Dense", "units": "2"}]), 'and ["2",784] is due'),
    "no stride": (file(layers=[CONV | {"stride": 0}, *DENSE]), "no whole number"),
    "another padding": (file(layers=[CONV | {"padding": "reflect"}, *DENSE]), "no whole number"),
    "a new setting": (file(layers=[CONV | {"groups": 2}, *DENSE]), "setting 'groups'"),
    "a dense image": (file(layers=[DENSE[1]]), "works on vectors"),
    "a convolution of vectors": (file(layers=[DENSE[0], CONV]), "does not fit into (784)"),
    "an own layer": (file(layers=[{"layer": "Swish"}, *DENSE]), "'Swish' is none of the library's"),
    "a layer called __proto__": (file(layers=[{"layer": "__proto__"}, *DENSE]), "'__proto__' is none"),
    "a layer called constructor": (file(layers=[{"layer": "constructor"}, *DENSE]), "'constructor' is none"),
    "a layer without a name": (file(layers=[{}, *DENSE]), "is none of the library's"),
    "no layer": (file(layers=[]), "has no layers"),
    "layers of texts": (file(layers=["Dense"]), "has no layers"),
    "fewer than no filters": (
        file(layers=[CONV | {"filters": -1}, *DENSE]),
        "conv1.W is missing, and [-1,1,3,3]",
    ),
    "filters of a text": (file(layers=[CONV | {"filters": "a"}, *DENSE]), "multiplications"),
    "half a stride": (file(layers=[CONV | {"stride": 0.5}, *DENSE]), "no whole number"),
    "a size of nothing": (file(layers=[{"layer": "MaxPool2D", "size": []}, *DENSE]), "no whole number"),
    "no architecture": (
        file(head='{"__metadata__": {"format": "nnscratch", "version": "1"}}', data=b""),
        "has no layers",
    ),
    "other images": (file(architecture={"input_shape": [3, 32, 32]}), "28 x 28"),
    "a normalisation of a text": (file(architecture={"normalisation": "01"}), "normalisation"),
    "an architecture of nothing": (file(architecture={"layers": None}), "has no layers"),
    "a dividing 0": (file(architecture={"normalisation": [0, 0]}), "normalisation"),
    "deskew of a text": (file(architecture={"deskew": "yes"}), "deskew"),
    "a regression": (file(is_regression="true"), "regression"),
    "a temperature of 0": (file(temperature="0"), "temperature"),
    "another score": (file(limits='{"score": "__proto__"}'), "limits"),
    "limits of a list": (file(limits="[1, 2]"), "limits"),
    "limits of another kind": (file(limits='{"sure": 1, "doubtful": 0.5}'), "limits"),
    "limits of texts": (file(limits='{"sure": "1"}'), "limits"),
    "one class of two": (file(classes='["a"]'), "2 different texts"),
    "classes alike": (file(classes='["a", "a"]'), "2 different texts"),
    "a class that breaks lines": (file(classes='["a", "b\\nc"]'), "2 different texts"),
    "a scaling without a scale": (file(shapes=WEIGHTS | {"scaling.mean": (1,)}), "scaling"),
    "a scaling by 0": (file(shapes=WEIGHTS | {"scaling.mean": (1,), "scaling.scale": (1,)}), "scaling"),
}


def test_what_is_no_network_is_refused_with_one_sentence(engine):
    names = {f"file{k}": data for k, (data, _) in enumerate(HOSTILE.values())}
    texts = engine.run(REFUSED, names=list(names), **names)
    answers = {what: (wanted, text) for (what, (_, wanted)), text in zip(HOSTILE.items(), texts, strict=True)}
    wrong = {
        what: text
        for what, (wanted, text) in answers.items()
        if not re.fullmatch("Error: [^\n]{,250}", text) or wanted not in text
    }
    assert wrong == {}


def test_a_network_of_the_smallest_file_is_read(engine):
    assert engine.run(REFUSED, names=["network"], network=file()) == ["read"]


def test_what_the_file_says_of_itself_is_what_python_says(engine, tmp_path):
    model = nn.load_pretrained("lenet5")
    model.save(tmp_path / "network.safetensors")
    script = """
    const { layers, classes, limits, temperature, deskew } = parseNetwork(await bytes('network'));
    const shapesOf = layers.map(({ name, type, shape }) => [name, type, shape]);
    const shapes = layers.flatMap(({ name, parameters }) =>
      Object.entries(parameters).map(([key, shape]) => [`${name}.${key}`, shape]));
    return { shapesOf, shapes: Object.fromEntries(shapes), classes, limits, temperature, deskew };
    """
    found = engine.run(script, network=(tmp_path / "network.safetensors").read_bytes())
    assert found["shapesOf"] == [
        [layer.name, type(layer).__name__, list(shape)]
        for layer, shape in zip(model.layers, model.shapes[1:], strict=True)
    ]
    assert found["shapes"] == {name: list(value.shape) for name, value in model.parameters.items()}
    assert found["classes"] == list(model.classes) and found["limits"] == model.limits.to_dict()
    assert (found["temperature"], found["deskew"]) == (model.temperature, False)


def test_changed_parameters_are_used_by_the_next_pass(engine):
    script = """
    const network = parseNetwork(await bytes('network'));
    network.parameters['dense1.b'][1] = 2;
    return Array.from(network.forward(new Uint8Array(784)).logits);
    """
    assert engine.run(script, network=file()) == [0, 2]

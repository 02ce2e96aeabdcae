"""What the page loads when it is asked for: test digits, and the derivations."""

import numpy as np
import pytest

from nnscratch.data import load_mnist
from nnscratch.errors import UsageError
from nnscratch.web.data_files import DATA_FILES

digits_file = DATA_FILES["test-digits.bin"][1]


def test_count_labels_and_images():
    data, mnist = digits_file(), load_mnist()
    assert len(data) == 4 + 1_000 * 785 and int.from_bytes(data[:4], "little") == 1_000
    np.testing.assert_array_equal(np.frombuffer(data, np.uint8, 1_000, 4), mnist.test_labels[:1_000])
    images = np.frombuffer(data, np.uint8, offset=1_004).reshape(-1, 28, 28)
    np.testing.assert_array_equal(images, mnist.test_images[:1_000])


@pytest.mark.parametrize("count", [0, -1, 10_001, 2.5, True])
def test_other_counts_are_refused(count):
    with pytest.raises(UsageError, match=r"1 to 10,000"):
        digits_file(count)


def test_derivations_are_text():
    kind, derivations = DATA_FILES["derivations.txt"]
    assert kind.startswith("text/plain") and "softmax" in derivations().decode("utf-8")


def test_the_server_sends_them():
    pytest.importorskip("flask")
    import nnscratch as nn
    from nnscratch.web.app import create_app

    client = create_app({"logistic": nn.load_pretrained("logistic")}).test_client()
    for name, (kind, content) in DATA_FILES.items():
        answer = client.get(f"/data/{name}")
        assert (answer.data, answer.headers["Content-Type"]) == (content(), kind)
    assert client.get("/data/other").status_code == 404

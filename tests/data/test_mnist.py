"""The MNIST inside the package, and what is said when it is damaged."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch
from nnscratch.data import load_dataset, load_mnist, mnist
from nnscratch.errors import DataError
from tests.tools.data_files import FOUR, idx_bytes, write

BUNDLED = Path(nnscratch.__file__).parent / "data" / "mnist"


def test_mnist():
    data = load_mnist()
    assert data.train_images.shape == (60_000, 28, 28) and data.test_images.shape == (10_000, 28, 28)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert abs(data.train_images.mean() / 255 - 0.1307) < 1e-4
    assert (data.name, data.source) == ("MNIST", "nnscratch/data/mnist")


def test_the_digest_is_made_of_the_published_checksums():
    published = [mnist.MNIST_SHA256[name] for name in FOUR]
    readme = (BUNDLED / "README.md").read_text()
    assert all(f"{digest}  {name}" in readme for name, digest in mnist.MNIST_SHA256.items())
    assert load_mnist().digest == hashlib.sha256("\n".join(published).encode()).hexdigest()


def test_it_is_read_once_and_cannot_be_spoiled():
    data = load_mnist()
    assert load_mnist() is data
    with pytest.raises(ValueError, match="read-only"):
        data.train_images[0, 0, 0] = 1


def test_the_bundled_folder_is_a_data_set_like_any_other():
    assert load_dataset(BUNDLED).digest == load_mnist().digest


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """A copy of the package's files to damage, read past the cache."""
    shutil.copytree(BUNDLED, tmp_path / "mnist")
    monkeypatch.setattr(mnist, "_FOLDER", tmp_path / "mnist")
    return tmp_path / "mnist"


@pytest.mark.parametrize("name", FOUR)
def test_a_changed_value_is_found(damaged, name):
    labels = "labels" in name
    values = (mnist.read_idx_labels if labels else mnist.read_idx_images)(damaged / f"{name}.gz")
    values.flat[-1] ^= 1
    write(damaged / f"{name}.gz", idx_bytes(values))
    with pytest.raises(DataError, match=f"{name}.gz: differs from the published MNIST .* reinstall nnscratch"):
        load_mnist.__wrapped__()


def test_a_truncated_or_missing_file_is_found(damaged):
    path = damaged / f"{FOUR[1]}.gz"
    write(path, path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{FOUR[1]}.gz: .*damaged or cut short.*reinstall nnscratch"):
        load_mnist.__wrapped__()
    path.unlink()
    with pytest.raises(DataError, match=f"{FOUR[1]}.gz: there is no such file.*reinstall nnscratch"):
        load_mnist.__wrapped__()


def test_importing_the_data_package_is_light():
    code = "import sys, nnscratch.data; print([m for m in ('PIL', 'numba', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=BUNDLED.parents[2]
    )
    assert done.stdout.strip() == "[]"

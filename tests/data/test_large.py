"""Data larger than memory: images that stay in their file give the same bits, and nothing goes through all of them."""

import contextlib
import errno
import gzip
import hashlib
import json
import shutil
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnscratch as nn
from nnscratch.arrays import Stream
from nnscratch.data import distorted_copies, mapped, mnist, stored_batches
from nnscratch.data.batches import Batches
from nnscratch.data.distorted_copies import write_copies
from nnscratch.data.mapped import StoredImages, map_idx_images, take_rows
from nnscratch.files import atomic
from nnscratch.files.atomic import new_folder
from nnscratch.ops import backend as backends
from nnscratch.runs import examples, experiment
from nnscratch.runs.experiment import begin, resume
from nnscratch.runs.settings import Settings
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Trainer
from tests.tools.checks import needs_compiler
from tests.tools.commands import Terminal, run_inside
from tests.tools.data_files import FOUR, digits, idx_bytes, write, write_four

BUNDLED = Path(mnist.__file__).parent / "mnist"
both_backends = pytest.mark.parametrize(
    "backend", ["numpy", pytest.param("numba", marks=needs_compiler)], indirect=True
)


@pytest.fixture
def backend(request):
    before = backends.backend()
    backends.set_backend(request.param)
    yield request.param
    backends.set_backend(before)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """MNIST's files, unpacked."""
    folder = tmp_path_factory.mktemp("plain")
    for name in FOUR:
        (folder / name).write_bytes(gzip.decompress((BUNDLED / f"{name}.gz").read_bytes()))
    return folder


@pytest.fixture(scope="module")
def in_file(plain):
    return nn.load_dataset(plain)


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(stored_batches, "WINDOW", 700)
    monkeypatch.setattr(stored_batches, "BLOCK", 30)


def sparse(path, n, last=0):
    """An IDX file of n black images, the last one grey; the disk keeps next to nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, n, 28, 28))
        file.truncate(16 + n * 784)
        file.seek(16 + (n - 1) * 784)
        file.write(bytes([last]) * 784)
    return path


@contextlib.contextmanager
def at_most(megabytes):
    """What the block keeps in memory at a time, beyond what was there."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak < megabytes, f"{peak:.0f} MB"


# ---- the file


def test_plain_files_are_mapped_and_packed_ones_are_not(in_file):
    bundled = nn.load_mnist()
    for images in (in_file.train_images, in_file.test_images):
        assert mapped.backing_file(images) is not None
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0
    assert mapped.backing_file(bundled.train_images) is None
    assert np.array_equal(in_file.train_images, bundled.train_images)
    assert in_file.digest == bundled.digest


def test_a_part_of_a_file_is_still_one(in_file):
    images = in_file.train_images
    part = mapped.backing_file(images[100:300])
    assert np.array_equal(part.read(np.array([0, 199])), images[[100, 299]])
    for view in (images[::2], images[:, ::2], images[:5].copy(), images / 255):
        assert mapped.backing_file(view) is None


@given(rows=st.lists(st.integers(0, 49), max_size=30))
def test_any_rows_in_any_order(in_file, rows):
    rows = np.array(rows, np.uint32)
    images = in_file.train_images[1000:1050]
    assert np.array_equal(take_rows(images, rows), np.asarray(images)[rows])
    places, sizes = mapped.backing_file(images).pieces(rows)
    assert sizes.sum() == 784 * len(rows)
    assert len(places) == sum(b != a + 1 for a, b in zip([-9, *rows.tolist()], rows.tolist(), strict=False))


def test_rows_outside_are_refused(in_file):
    for row in (-1, 60_000):
        with pytest.raises(IndexError, match="outside the 60000 images"):
            take_rows(in_file.train_images, np.array([row]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_bytes(digits(3)[0])[:-1], "announces 3 x 28 x 28 uint8, 2,352 bytes, but the file ends after 2,351"),
        (idx_bytes(digits(3)[0])[:9], "ends inside its IDX header"),
        (idx_bytes(digits(3)[0]) + b"\0", "but the file has more"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 28, 28) + bytes(784), "ends after 784: it is truncated"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**31, 2**31) + bytes(784), "at most 32 dimensions and 4 GiB"),
        (idx_bytes(digits(3)[0].astype(np.float32)), "images must be n x height x width"),
        (idx_bytes(digits(3)[1]), "holds labels"),
        (b"", "is empty"),
        (b"\x89PNG", "not an IDX file"),
    ],
)
def test_truncated_and_lying_files_are_refused_without_memory(tmp_path, content, message):
    path = write(tmp_path / "x", content)
    with at_most(4), pytest.raises(nn.DataError, match=message) as caught:
        map_idx_images(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_packed_file_beyond_the_limit_says_what_to_do(tmp_path):
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, 6_000_000, 28, 28)
    with pytest.raises(nn.DataError, match=r"4 GiB can be read into memory: .* unpack images \(gunzip\)"):
        map_idx_images(write(tmp_path / "x", header, packed=True))


def test_a_file_of_more_than_4_gib(tmp_path):
    images = map_idx_images(sparse(tmp_path / "x", 5_500_000, last=200))
    assert images.shape == (5_500_000, 28, 28)
    assert take_rows(images, np.array([5_499_999, 0])).mean(axis=(1, 2)).tolist() == [200, 0]
    batches = nn.build("logistic").batches(images)
    order = batches.order(np.random.default_rng(0), 64)
    batch = next(batches.epoch(np.random.default_rng(0), 64, 64 * 5000))  # somewhere in the middle
    assert np.array_equal(batch, order[64 * 5000 : 64 * 5001])
    assert batches.buffered(batch)[0] is batches.images
    assert len(np.unique(order[: 1 << 16] >> 10)) == 64  # blocks of 1,024 neighbours


@both_backends
def test_a_file_that_becomes_shorter_is_an_error(tmp_path, backend, small_windows):
    write_four(tmp_path, train=1500)
    batches = nn.build("logistic").batches(nn.load_dataset(tmp_path).train_images)
    with (tmp_path / FOUR[0]).open("rb+") as file:
        file.truncate(16 + 784 * 750)
    assert np.array_equal(next(batches.epoch(None, 50)), np.arange(50))
    with pytest.raises(nn.DataError, match="ubyte: has become shorter while it was in use: leave it alone"):
        next(batches.epoch(None, 50, 700))


# ---- the same bits


def settings(**changed):
    return Settings(**{"epochs": 2, "batch_size": 50, "limit": 3000, "val_size": 800, "rotation": 5, **changed})


def figures(data, tmp_path, **changed):
    trial = begin("logistic", settings(**changed), data, tmp_path)
    trial.trainer.run()
    trial.model.calibrate(*trial.validation)
    told = trial.figures(trial.model.log_probabilities(data.test_images))
    for key in ("data", "seconds", "seconds_per_epoch"):
        del told[key]
    return told | {"temperature": trial.model.temperature}


@pytest.mark.slow
@both_backends
@pytest.mark.parametrize("changed", [{}, {"batch_size": 33, "rotation": 0}, {"deskew": True}])
def test_a_training_gives_the_same_bits(in_file, tmp_path, backend, small_windows, changed):
    told = figures(in_file, tmp_path, **changed)
    assert told == figures(nn.load_mnist(), tmp_path, **changed)
    assert told["train"]["n"] == 2200


def test_other_forms_give_the_same_bits(in_file, tmp_path):
    here, there = (figures(data, tmp_path, forms=0.2, limit=500, val_size=90) for data in (nn.load_mnist(), in_file))
    assert here == there


@both_backends
def test_fit_and_the_mlp_that_leaves_blank_pixels_out(in_file, backend, small_windows):
    def weights(images):
        model = nn.build("mlp", hidden=(30,))
        model.fit(images, nn.load_mnist().train_labels[:2000], batch_size=100)
        assert model.batches(images).by_image
        return model.theta.tobytes()

    assert weights(in_file.train_images[:2000]) == weights(nn.load_mnist().train_images[:2000])


@both_backends
@pytest.mark.parametrize("deskew", [False, True])
def test_any_images_may_be_asked_for_in_the_middle_of_an_epoch(in_file, backend, small_windows, deskew):
    model = nn.build("logistic", deskew=deskew)
    there, here = (model.batches(data.train_images[:2000]) for data in (in_file, nn.load_mnist()))
    some = np.array([1999, 3, 700, 3])
    assert np.array_equal(there.x(some, 6), here.x(some, 6))  # before anything is read
    for batch in there.epoch(np.random.default_rng(0), 300, 600):
        assert there.buffered(batch)[0] is there.images
        assert np.array_equal(there.x(batch), here.x(batch))
        assert np.array_equal(there.x(some), here.x(some))


@pytest.mark.parametrize(("start", "stop"), [(0, None), (600, None), (600, 1250), (2000, None), (0, 0)])
def test_an_epoch_goes_on_where_it_was_left(in_file, small_windows, start, stop):
    model = nn.build("logistic")
    for data in (in_file, nn.load_mnist()):
        batches = model.batches(data.train_images[:2000])
        for seed in (None, 7):
            order = np.arange(2000) if seed is None else np.random.default_rng(seed).permutation(2000)
            rng = None if seed is None else np.random.default_rng(seed)
            seen = list(batches.epoch(rng, 300, start, stop))
            assert np.array_equal(np.concatenate([*seen, order[:0]]), order[start:stop])
            assert all(len(batch) == 300 for batch in seen[:-1])


@both_backends
@pytest.mark.parametrize("n", [1, 7, 32, 640, 2000])
def test_evaluation_by_windows_is_equal(in_file, backend, small_windows, n):
    model = nn.build("logistic", seed=3)
    here, there = nn.load_mnist().test_images[:n], in_file.test_images[:n]
    assert np.array_equal(model.logits(here), model.logits(there))
    assert model.evaluate(here, in_file.test_labels[:n]) == model.evaluate(there, in_file.test_labels[:n])


@pytest.mark.slow
def test_the_command_gives_the_same_weights(plain, tmp_path, small_windows):
    line = ("train", "logistic", "--epochs", "1", "--limit", "2000", "--val-size", "300", "--shift", "1", "--json")
    told = []
    for more in ((), ("--data", plain)):
        code, out, err = run_inside(*line, *more, "--out", f"run{len(told)}", cwd=tmp_path)
        assert code == 0, err
        told.append(json.loads(out)["models"][0]["weights_sha256"])
    assert told[0] == told[1]


# ---- the order of a file beyond 4 GiB


def test_an_order_by_blocks():
    n, window = 100_000, 6400
    order = stored_batches.by_blocks(n, window, np.random.default_rng(1))
    assert np.array_equal(np.sort(order), np.arange(n))
    for start in range(0, n, window):
        part = order[start : start + window].astype(int)
        assert (
            len(np.unique(part // stored_batches.BLOCK)) <= window // stored_batches.BLOCK + 3
        )  # whole ones, and parts of two
        assert abs(np.corrcoef(part, np.arange(len(part)))[0, 1]) < 0.06
    again, other = (stored_batches.by_blocks(n, window, np.random.default_rng(seed)) for seed in (1, 2))
    assert np.array_equal(order, again)
    assert len(np.intersect1d(order[:window], other[:window])) < window / 4


class InMemory(Batches):
    """Those in memory, in the order of those in a file."""

    def order(self, rng, batch_size):
        return stored_batches.by_blocks(len(self), batch_size * (stored_batches.WINDOW // batch_size), rng)


@both_backends
def test_training_by_blocks_is_training_in_that_order(in_file, backend, small_windows, monkeypatch):
    monkeypatch.setattr(stored_batches, "MOST_SHUFFLED", 0)
    images, labels = in_file.train_images[:2010], in_file.train_labels[:2010]

    def weights(kind):
        model = nn.build("logistic")
        batches = kind(np.array(images), (1, 28, 28), (0.0, 1.0), "float32", True) if kind else model.batches(images)
        Trainer(model, batches, labels, Plan(epochs=2, distortion=nn.Distortion(shift=1))).run()
        return model.theta.tobytes()

    assert weights(None) == weights(InMemory) != weights(Batches)


class StopAfter(nn.Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_batch_end(self, trainer):
        if trainer.state.step == self.steps:
            trainer.stop()


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1 << 40])
@pytest.mark.parametrize("steps", [3, 14, 15, 44, 59])
def test_a_resumed_training_gives_the_same_bits(in_file, tmp_path, small_windows, monkeypatch, most, steps):
    monkeypatch.setattr(stored_batches, "MOST_SHUFFLED", most)
    whole = begin("logistic", settings(), in_file, tmp_path)
    whole.trainer.run()
    part = begin("logistic", settings(), in_file, tmp_path, [StopAfter(steps)])
    atomic.write_json(tmp_path / "config.json", part.config())
    part.trainer.run()
    part.save_state()
    rest = resume(tmp_path, in_file)
    assert 0 < rest.trainer.state.step == steps
    rest.trainer.run()
    assert rest.model.theta.tobytes() == whole.model.theta.tobytes()


# ---- nothing goes through memory


@pytest.fixture
def large(tmp_path):
    """300,000 images, 235 MB, of which the disk keeps nothing."""
    sparse(tmp_path / FOUR[0], 300_000)
    write(tmp_path / FOUR[1], idx_bytes((np.arange(300_000) % 10).astype(np.uint8)))
    for name, values in zip(FOUR[2:], digits(50), strict=True):
        write(tmp_path / name, idx_bytes(values))
    return tmp_path


def resident_pages():
    """Megabytes of files that this process shows; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ["RssFile: 0"]
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) / 1000


@pytest.fixture
def rows_read(monkeypatch):
    """How many images have been read from files, call by call."""
    counts, original = [], StoredImages.read_pieces

    def counting(self, places, sizes, out):
        counts.append(int(sizes.sum()) // 784)
        original(self, places, sizes, out)

    monkeypatch.setattr(StoredImages, "read_pieces", counting)
    return counts


@pytest.mark.parametrize("backend", ["numpy"], indirect=True)
def test_memory_is_that_of_a_window(large, small_windows, rows_read, backend):
    before = resident_pages()
    with at_most(30):
        data = nn.load_dataset(large)
        trial = begin("logistic", Settings(epochs=1, val_size=1000), data, large, [StopAfter(40)])
        assert sum(rows_read) <= 2 * 256 + 400  # samples: are pixels mostly blank, do the digits stand upright?
        rows_read.clear()
        trial.trainer.run()
        assert sum(rows_read) == 64 + 32 + 4 * 640  # to compile with; then the windows that 40 batches are in
        rows_read.clear()
        some = trial.train[::100]
        assert trial.model.evaluate(trial.model.batches(data.train_images, some), data.train_labels[some])["n"] == 2990
        assert 2990 < sum(rows_read) <= 2990 + 256
    data.digest  # noqa: B018 (reads all of the file)
    assert resident_pages() - before < 40


def test_the_digest_needs_no_memory(large):
    data = nn.load_dataset(large)
    with at_most(8):
        digest = data.digest
    parts = [hashlib.sha256((large / name).read_bytes()).hexdigest() for name in FOUR]
    assert digest == hashlib.sha256("\n".join(parts).encode()).hexdigest()


def test_a_sample_stands_for_the_training_images_of_a_huge_set(in_file, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "MOST_EVALUATED", 1000)
    assert figures(in_file, tmp_path)["train"]["n"] == 734  # every third of 2,200
    monkeypatch.setattr(experiment, "MOST_EVALUATED", 2201)
    assert figures(in_file, tmp_path)["train"]["n"] == 2200


def test_other_forms_of_too_many_digits_are_refused(in_file, tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "MOST_MADE_FROM", 2199)
    with pytest.raises(nn.UsageError, match="at most 2,199 training images, and these are 2,200: leave --forms out"):
        begin("logistic", settings(forms=0.1), in_file, tmp_path, to_run=False)
    begin("logistic", settings(forms=0.1), nn.load_mnist(), tmp_path, to_run=False)


# ---- writing such a set


@pytest.fixture
def few(tmp_path):
    """A data set of 30 of MNIST's digits."""
    data, folder = nn.load_mnist(), tmp_path / "few"
    for name, values in zip(
        FOUR, (data.train_images, data.train_labels, data.test_images, data.test_labels), strict=True
    ):
        write(folder / name, idx_bytes(values[:30].astype(np.uint8)))
    return folder


def test_written_digits_are_the_distorted_ones(few, tmp_path, monkeypatch):
    monkeypatch.setattr(distorted_copies, "CHUNK", 8)
    source, how = nn.load_dataset(few), nn.Distortion(rotation=20, shift=2, elastic=1)
    write_copies(source, how, 70, tmp_path / "many", seed=4)
    data = nn.load_dataset(tmp_path / "many")
    for epoch in range(3):
        order = np.random.default_rng((4, Stream.COPIES, epoch)).permutation(30)[: 70 - 30 * epoch]
        got = slice(30 * epoch, 30 * epoch + 30)
        assert np.array_equal(data.train_images[got], how.apply(source.train_images, seed=4, epoch=epoch)[order])
        assert np.array_equal(data.train_labels[got], source.train_labels[order])
    assert len(data.train_labels) == 70
    for name in FOUR[2:]:
        assert (tmp_path / "many" / name).read_bytes() == (few / name).read_bytes()


def test_the_number_of_threads_changes_nothing(few, tmp_path):
    contents = []
    for number, more in enumerate((["--threads", "1"], ["--threads", "2"], ["--threads", "2", "--seed", "1"])):
        line = ("augment", "--write", "1700", "--data", few, "--out", f"out/{number}", *more)
        code, out, err = run_inside(*line, cwd=tmp_path)
        assert code == 0, err
        assert f"out/{number}: 1,700 training images of few with rotation 8" in out
        contents.append([(tmp_path / "out" / str(number) / name).read_bytes() for name in FOUR])
    assert contents[0] == contents[1] != contents[2]
    assert contents[0][2:] == contents[2][2:]


def test_progress_is_for_a_terminal(few, tmp_path):
    line = ("augment", "--write", "60", "--data", few, "--out")
    assert "60/60" in run_inside(*line, "a", cwd=tmp_path, stream=Terminal)[1]
    assert "60/60" not in run_inside(*line, "b", cwd=tmp_path)[1]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "big cannot be written (No space left on device)"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_full_disk_or_an_interruption_leaves_nothing(few, tmp_path, monkeypatch, error, code, message):
    original = distorted_copies.copies

    def failing(*arguments):
        yield next(original(*arguments))
        assert len(list(tmp_path.iterdir())) == 2  # something is there meanwhile
        raise error

    monkeypatch.setattr(distorted_copies, "copies", failing)
    got, out, err = run_inside("augment", "--write", "50", "--data", few, "--out", "big", cwd=tmp_path)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


BAD = {
    "--write 50 --out few": (1, "few is there already: give the name of a new folder"),
    "--write 50 --out few/t10k-labels-idx1-ubyte/x": (1, "cannot be written"),
    "--write 0 --out x": (2, "0 images were asked for: give 1 to 4,294,967,295"),
    "--write 4294967296 --out x": (2, "all that an IDX file can count"),
    "--write 50": (2, "go together"),
    "--out x": (2, "go together"),
    "--write 50 --out x --show x.png": (2, "not allowed with"),
    "logistic --write 50 --out x": (2, "distorts nothing for logistic"),
    "--write 5000000 --out x/y": (1, "x/y needs 3.93 GB, but its disk has 1.00 GB free"),
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(line, few, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2e9, 1e9, 1e9))
    code, message = BAD[line]
    got, _, err = run_inside("augment", "--data", few, *line.split(), cwd=tmp_path)
    assert (got, err.count("\n")) == (code, 1), err
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


def test_an_empty_folder_may_be_there(few, tmp_path):
    (tmp_path / "new").mkdir()
    write_copies(nn.load_dataset(few), nn.Distortion(shift=1), 5, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FOUR)


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / ".big.new"
    left.mkdir()
    write(left / "half", b"half")
    with new_folder(tmp_path / "big") as folder:
        write(folder / "whole", b"whole")
        with pytest.raises(nn.DataError, match="another process is writing"), new_folder(tmp_path / "big"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["big"]
    assert [path.name for path in (tmp_path / "big").iterdir()] == ["whole"]


def test_a_new_folder_moves_under_its_lock_and_a_link_stays(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(atomic, "_to_disk", lambda folder: seen.append(folder))
    (tmp_path / "link").symlink_to(tmp_path / "far")
    with new_folder(tmp_path / "link") as folder:
        write(folder / "whole", b"whole")
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["whole"]
    assert {path.name for path in tmp_path.iterdir()} == {"link", "far"}


def test_a_lock_that_moved_away_leaves_the_next_ones_alone(tmp_path):
    with atomic.locked(tmp_path / "new"):
        (tmp_path / "new").rename(tmp_path / "old")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / atomic.LOCK).touch()  # of another process
    assert (tmp_path / "new" / atomic.LOCK).exists()


@pytest.mark.parametrize("place", [".", "/"])
def test_a_place_without_a_name_is_there_already(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "file", b"")
    with pytest.raises(nn.DataError, match="is there already"), new_folder(place):
        pass

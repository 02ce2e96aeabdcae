"""A training that is given more epochs is, with a constant rate, the training that was begun with them, bit for bit."""

import json

import pytest

import nnscratch as nn
from nnscratch.files import npz
from nnscratch.files.atomic import write_json
from nnscratch.ops.backend import available_backends, set_backend
from nnscratch.runs.checkpoint import longer, read_checkpoint, write_longer
from nnscratch.runs.experiment import begin, resume
from nnscratch.runs.report import begun_and_continued
from nnscratch.runs.settings import Settings
from tests.tools.callbacks import StopAt

EVERYTHING = {"ema": 0.9, "rotation": 8, "elastic": 0.3, "optimizer": "adamw", "weight_decay": 0.01, "clip": 1.0}
EVERYTHING |= {"deskew": True}
SMALL = {"limit": 90, "batch_size": 32, "val_size": 30}


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


def kept(experiment):
    """Everything but the clock's time."""
    arrays = {name: value.tobytes() for name, value in experiment.trainer.state.arrays().items()}
    clock = ("seconds", "images_per_second")
    history = [{k: v for k, v in row.items() if k not in clock} for row in experiment.trainer.state.history]
    return arrays, history, experiment.trainer.state.best_epoch, experiment.model.theta.tobytes()


class Save(nn.Callback):
    def on_epoch_end(self, trainer):
        self.experiment.save_state()


def train(name, settings, data, folder, stop_at=None):
    """Train in a folder as the command does: the state is saved after each epoch, and where it is stopped."""
    save = Save()
    callbacks = [save] if stop_at is None else [save, StopAt(stop_at)]
    if not (folder / "config.json").exists():
        write_json(folder / "config.json", begin(name, settings, data, folder).config())
    save.experiment = experiment = resume(folder, data, callbacks)
    experiment.trainer.run()
    if not experiment.trainer.finished:
        experiment.save_state()
    return experiment


def go_on(folder, epochs, data):
    write_longer(folder, longer(folder, epochs, data.digest))
    return train(None, None, data, folder)


@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic", "lenet5-classic"])
@pytest.mark.parametrize("stop_at", [None, 3])
def test_more_epochs_are_those_of_a_run_begun_with_them(mnist, tmp_path, name, stop_at):
    """Finished, or stopped in its second epoch of two batches each."""
    set_backend("numpy")
    settings = Settings(epochs=2, **SMALL, **EVERYTHING, **({"dropout": 0.2} if name == "mlp" else {}))
    train(name, settings, mnist, tmp_path / "short", stop_at)
    whole = train(name, Settings(**settings.to_dict() | {"epochs": 4}), mnist, tmp_path / "long")
    assert kept(go_on(tmp_path / "short", 4, mnist)) == kept(whole)


@pytest.mark.skipif("numba" not in available_backends(), reason="replays are of compiled kernels")
def test_the_same_with_recorded_kernels(mnist, tmp_path):
    set_backend("numba")
    settings = {"limit": 300, "batch_size": 32, "val_size": 30, "ema": 0.9}
    train("logistic", Settings(epochs=2, **settings), mnist, tmp_path / "short")
    whole = train("logistic", Settings(epochs=3, **settings), mnist, tmp_path / "long")
    assert kept(go_on(tmp_path / "short", 3, mnist)) == kept(whole)


def test_patience_that_has_run_out_stays_so(mnist, tmp_path):
    """A rate that changes nothing: the first epoch stays the best, and the third is the last."""
    settings = Settings(epochs=5, patience=2, lr=1e-30, optimizer="sgd", **SMALL)
    first = train("logistic", settings, mnist, tmp_path)
    assert first.trainer.state.epoch == 3
    again = go_on(tmp_path, 9, mnist)
    assert kept(again) == kept(first) and again.trainer.finished


def test_a_schedule_is_computed_anew(mnist, tmp_path):
    settings = Settings(epochs=2, schedule="cosine", **SMALL)
    train("logistic", settings, mnist, tmp_path)
    write_longer(tmp_path, longer(tmp_path, 4, mnist.digest))
    half_way = resume(tmp_path, mnist).trainer
    assert half_way.state.step == 4 and half_way.learning_rate == pytest.approx(0.001 * 0.5)  # cosine at 1/2


def test_config_history_and_report_tell_of_it(mnist, tmp_path):
    train("logistic", Settings(epochs=1, **SMALL), mnist, tmp_path)
    go_on(tmp_path, 2, mnist)
    go_on(tmp_path, 4, mnist)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["settings"]["epochs"] == 4
    assert config["epochs_changed"] == [{"after": 1, "from": 1, "to": 2}, {"after": 2, "from": 2, "to": 4}]
    rows = [line.split(",") for line in (tmp_path / "history.csv").read_text().splitlines()]
    place = rows[0].index("epochs_planned")
    assert [row[place] for row in rows[1:]] == ["1", "2", "4", "4"]
    told = " ".join(begun_and_continued(config))
    assert "Planned for 1 epochs, and changed to 2 after epoch 1" in told and "computed anew" in told


def test_fewer_epochs_than_are_begun_are_refused(mnist, tmp_path):
    train("logistic", Settings(epochs=3, **SMALL), mnist, tmp_path, stop_at=3)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(nn.UsageError, match="has begun its epoch 2 already, and --epochs is 1: give at least 2"):
        longer(tmp_path, 1, mnist.digest)
    assert (tmp_path / "config.json").read_bytes() == before
    assert longer(tmp_path, 3, mnist.digest) is None  # as many as it has
    assert go_on(tmp_path, 2, mnist).trainer.state.epoch == 2  # fewer than planned


def test_a_kill_between_the_two_writes_loses_nothing(mnist, tmp_path):
    """The figures go first: without them the shorter training is evaluated again."""
    settings = Settings(epochs=1, **SMALL)
    train("logistic", settings, mnist, tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    config = longer(tmp_path, 2, mnist.digest)
    (tmp_path / "config.json").rename(tmp_path / "kept")
    (tmp_path / "config.json").mkdir()  # nothing can be written there
    with pytest.raises(nn.DataError):
        write_longer(tmp_path, config)
    (tmp_path / "config.json").rmdir()
    (tmp_path / "kept").rename(tmp_path / "config.json")
    assert not (tmp_path / "metrics.json").exists()
    assert train(None, None, mnist, tmp_path).trainer.state.epoch == 1
    assert go_on(tmp_path, 2, mnist).trainer.state.epoch == 2


def test_what_cannot_go_on_is_refused_before_anything_is_written(mnist, tmp_path):
    train("logistic", Settings(epochs=1, **SMALL), mnist, tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(nn.DataError, match="with other data"):
        longer(tmp_path, 2, "0" * 64)
    (tmp_path / "checkpoint.npz").rename(tmp_path / "elsewhere")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(nn.DataError, match=r"has no checkpoint\.npz any more"):
        longer(tmp_path, 2, mnist.digest)
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("changed", [3, "x", [3], [{"after": 1}], [{"after": 1, "from": True, "to": 2}]])
def test_a_damaged_change_is_told(mnist, tmp_path, changed):
    train("logistic", Settings(epochs=1, **SMALL), mnist, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    write_json(tmp_path / "config.json", config | {"epochs_changed": changed})
    with pytest.raises(nn.DataError, match="epochs_changed is damaged"):
        resume(tmp_path, mnist)


def test_a_checkpoint_older_than_a_setting_goes_on(mnist, tmp_path):
    """What it does not know was as it is by default; another value is another training."""
    train("logistic", Settings(epochs=2, **SMALL), mnist, tmp_path, stop_at=2)
    header, arrays = npz.read(tmp_path / "checkpoint.npz", "training")
    del header["settings"]["thickness"]
    npz.write(tmp_path / "checkpoint.npz", "training", header, arrays)
    assert read_checkpoint(tmp_path, mnist.digest).epochs == 1
    header["settings"]["thickness"] = 0.5
    npz.write(tmp_path / "checkpoint.npz", "training", header, arrays)
    with pytest.raises(nn.DataError, match="with other settings"):
        resume(tmp_path, mnist)


def test_the_number_of_epochs_of_another_training_is_another_setting(mnist, tmp_path):
    """Only what config.json tells of may differ."""
    train("logistic", Settings(epochs=2, **SMALL), mnist, tmp_path, stop_at=2)
    config = json.loads((tmp_path / "config.json").read_text())
    config["settings"]["epochs"] = 7
    write_json(tmp_path / "config.json", config)
    with pytest.raises(nn.DataError, match="with other settings"):
        resume(tmp_path, mnist)

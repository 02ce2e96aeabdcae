"""A pupil learns from its teachers' mean answers about the images as each epoch distorts them."""

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.outliers import outliers
from nnscratch.files.atomic import write_json
from nnscratch.ops.distort import rng_streams
from nnscratch.runs.distillation import Distillation, distorted, mean_answer, teacher_seed
from nnscratch.runs.examples import count_examples, examples, split
from nnscratch.runs.experiment import begin, resume
from nnscratch.runs.settings import Settings
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer
from tests.tools.callbacks import StopAt

SETTINGS = Settings(
    epochs=2, batch_size=64, limit=600, teachers=2, teacher_epochs=1, rotation=5.0, outliers=0.1, keep="last", seed=3
)


class Targets(Callback):
    """Keeps the targets of each epoch."""

    def __init__(self):
        self.seen = []

    def on_begin(self, trainer):
        self.seen.append(trainer.labels.copy())

    def on_epoch_end(self, trainer):
        if not trainer.finished:
            self.seen.append(trainer.labels.copy())


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


@pytest.fixture
def threads_before():
    before = nn.threads()
    yield
    nn.set_threads(before)


def trained(mnist, folder, settings=SETTINGS, callbacks=()):
    experiment = begin("logistic", settings, mnist, folder, callbacks)
    if not (folder / "config.json").exists():
        write_json(folder / "config.json", experiment.config())
    experiment.trainer.run()
    return experiment


def test_targets_are_the_teachers_mean_answer_about_the_images_of_the_epoch(mnist, tmp_path):
    targets = Targets()
    experiment = trained(mnist, tmp_path, callbacks=[targets])
    teachers = [nn.load(tmp_path / "teachers" / f"teacher-{number}.npz") for number in (1, 2)]
    assert len(targets.seen) == 2
    assert not np.array_equal(teachers[0].theta, teachers[1].theta)
    made = examples(mnist, experiment.train, SETTINGS)
    known = np.ptp(made.targets, axis=1) > 0
    assert 0 < (~known).sum() < len(known) / 5
    how = SETTINGS.plan().distortion
    for epoch, seen in enumerate(targets.seen):
        shown = how.apply(made.images, seed=SETTINGS.seed, epoch=epoch)
        expected = (teachers[0].predict_proba(shown) + teachers[1].predict_proba(shown)) / 2
        np.testing.assert_allclose(seen[known], expected[known], atol=1e-6)
        np.testing.assert_array_equal(seen[~known], np.float32(0.1))
    assert not np.allclose(*targets.seen, atol=1e-3)


def test_a_training_without_a_run_keeps_no_teachers(mnist, tmp_path):
    """Nor takes those that another training has left there."""
    trained(mnist, tmp_path / "run")
    (tmp_path / "teachers").mkdir()
    for file in (tmp_path / "run" / "teachers").iterdir():
        nn.build("logistic", seed=99).save(tmp_path / "teachers" / file.name)
    experiment = begin("logistic", SETTINGS, mnist, tmp_path)
    experiment.trainer.run()
    assert experiment.model.theta.tobytes() == trained(mnist, tmp_path / "run").model.theta.tobytes()
    begin("logistic", SETTINGS, mnist, tmp_path / "none").trainer.run()
    assert not (tmp_path / "none").exists()


def test_the_figures_tell_of_the_teachers_time(mnist, tmp_path):
    trained(mnist, tmp_path)
    again = trained(mnist, tmp_path)  # whose teachers are loaded
    seconds = [nn.load(tmp_path / "teachers" / f"teacher-{number}.npz").info["seconds"] for number in (1, 2)]
    (taught,) = [callback for callback in again.trainer.callbacks if isinstance(callback, Distillation)]
    assert min(*seconds, taught.answering) > 0
    assert again.finish()["teacher_seconds"] == pytest.approx(sum(seconds) + taught.answering)


def test_teachers_of_a_network_that_deskews_see_what_it_sees(mnist, tmp_path):
    """First upright, then distorted: the same as of a network that does not deskew, on deskewed images."""
    settings = replace(SETTINGS, deskew=True, outliers=0.0)
    one = trained(mnist, tmp_path / "one", settings)
    upright = replace(mnist, train_images=nn.deskew(mnist.train_images))
    other = trained(upright, tmp_path / "other", replace(settings, deskew=False))
    assert one.trainer.labels.tobytes() == other.trainer.labels.tobytes()
    assert one.model.theta.tobytes() == other.model.theta.tobytes()


def test_a_teacher_is_the_network_that_its_seed_gives_without_teachers(mnist, tmp_path):
    trained(mnist, tmp_path / "pupil")
    seed = teacher_seed(SETTINGS.seed, 0)
    alone = replace(SETTINGS, teachers=0, epochs=1, outliers=0.0)
    shown = examples(mnist, split(mnist, alone)[0], alone)
    model = nn.build("logistic", seed=seed)
    plan = replace(alone, seed=seed).plan()
    labels = np.eye(10, dtype=np.float32)[shown.targets]
    trainer = Trainer(model, model.batches(shown.images, shown.rows), labels, plan)
    trainer.run()
    assert np.array_equal(model.theta, nn.load(tmp_path / "pupil/teachers/teacher-1.npz").theta)


def test_what_is_no_digit_belongs_to_all_classes_alike(mnist):
    settings = replace(SETTINGS, teachers=0, forms=0.1)
    train, _ = split(mnist, settings)
    shown = examples(mnist, train, settings)
    assert count_examples(mnist.train_labels[train], settings) == len(shown.images)
    count = round(0.1 * len(train))
    assert shown.targets.dtype == np.float32
    np.testing.assert_array_equal(shown.targets[-count:], np.float32(0.1))
    assert set(np.unique(shown.targets[:-count])) == {0, 1}
    expected = outliers(mnist.train_images[train], mnist.train_labels[train], count, settings.seed)
    np.testing.assert_array_equal(shown.images[-count:], expected)
    np.testing.assert_array_equal(shown.targets[: len(train)].argmax(axis=1), mnist.train_labels[train])


class StopPupil(Callback):
    """Ends the pupil's training while a teacher is trained, as Ctrl-C does."""

    def __init__(self, pupils):
        self.pupils = pupils

    def on_batch_end(self, trainer):
        self.pupils[0].stop()


@pytest.mark.parametrize("threads", [1, 2])
def test_stopped_in_a_teacher_or_in_an_epoch_it_goes_on_to_the_same_bits(mnist, tmp_path, threads, threads_before):
    nn.set_threads(3 - threads)
    whole = trained(mnist, tmp_path / "whole").model.theta
    nn.set_threads(threads)
    folder, pupils = tmp_path / "cut", []
    write_json(folder / "config.json", begin("logistic", SETTINGS, mnist, folder, to_run=False).config())
    experiment = resume(folder, mnist, watch=lambda name: StopPupil(pupils))
    pupils.append(experiment.trainer)
    experiment.trainer.run()
    assert experiment.trainer.state.step == 0
    assert not (folder / "teachers").exists()
    for stop in (3, None):
        experiment = resume(folder, mnist, [] if stop is None else [StopAt(stop)])
        experiment.trainer.run()
        assert experiment.trainer.finished is (stop is None)
        experiment.save_state()
    assert experiment.model.theta.tobytes() == whole.tobytes()


def test_without_distortion_the_images_are_as_they_are(mnist):
    images, streams = mnist.train_images[:7], rng_streams(3, 0, np.arange(7))
    assert not np.array_equal(distorted(images, SETTINGS.plan().distortion, streams), images)
    assert distorted(images, Settings().plan().distortion, streams) is images


def test_mean_answer_of_one_network_is_its_own(mnist):
    model = nn.build("logistic", seed=1)
    np.testing.assert_allclose(
        mean_answer([model], mnist.test_images[:5]), model.predict_proba(mnist.test_images[:5]), atol=1e-6
    )


@pytest.mark.parametrize("name", ["forms", "outliers"])
def test_images_made_of_digits_are_refused_for_other_classes(mnist, name):
    letters = replace(mnist, classes=tuple("abcdefghij"))
    with pytest.raises(nn.UsageError, match=f"--{name} draws"):
        examples(letters, np.arange(100), replace(Settings(), **{name: 0.2}))

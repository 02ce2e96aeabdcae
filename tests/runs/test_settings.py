"""Settings: one table behind recipes, TOML files and flags."""

import tracemalloc

import pytest

import nnscratch as nn
from nnscratch.data.augment import MOST
from nnscratch.models.zoo import MODELS
from nnscratch.runs.settings import FIELDS, Settings, checked, recipes, resolve


def test_the_original_recipe():
    """Batch size and epochs of the original, Adam at its default rate; the models' own sizes."""
    assert "original" in recipes()
    batch = {"lenet5": 64, "mlp": 128, "logistic": 64}
    for model, size in batch.items():
        settings = resolve(model, recipe="original")
        assert (settings.batch_size, settings.epochs, settings.optimizer, settings.lr) == (size, 30, "adam", 0.001)
        assert settings.schedule == "constant"
        assert settings.to_dict() == Settings(epochs=30, batch_size=size).to_dict()
        assert isinstance(settings.plan().optimizer, nn.Adam)


def test_what_nobody_sets_is_the_plainest_training():
    """30 epochs of 64 images a step, Adam at its own rate, the best epoch's weights; whatever else there is, is off."""
    told = {"epochs": 30, "batch_size": 64, "lr": 0.001, "optimizer": "adam", "schedule": "constant", "keep": "best"}
    defaults = {name: getattr(Settings(), name) for name in FIELDS}
    assert {name: defaults.pop(name) for name in told} == told
    assert set(defaults.values()) == {0, None}


def test_every_setting_reaches_the_plan():
    told = {"epochs": 3, "batch_size": 5, "label_smoothing": 0.1, "clip": 2.0, "ema": 0.9, "patience": 4, "seed": 7}
    settings = Settings(**told, lr=0.5, optimizer="rmsprop", schedule="cosine", warmup=0.25, weight_decay=0.125)
    plan = settings.plan()
    assert {name: getattr(plan, name) for name in told} == told
    assert plan.optimizer == nn.RMSProp(0.5, 0.125)
    assert plan.schedule == nn.Cosine(0.25)
    assert Settings(keep="last").plan().keep == "last"
    strengths = {"rotation": 1.0, "stretch": 0.2, "shear": 0.3, "shift": 4.0, "elastic": 0.5, "thickness": 0.6}
    assert Settings(**strengths).plan().distortion == nn.Distortion(**strengths)


def test_what_came_later_is_left_out_where_nobody_sets_it():
    """A run that was begun before there was min_delta can be gone on with: its checkpoint has the same settings."""
    assert "min_delta" not in resolve("lenet5", recipe="best").to_dict()
    given = resolve("lenet5", recipe="original", flags={"min_delta": 0.01})
    assert given.to_dict()["min_delta"] == given.plan().min_delta == 0.01


def test_strengths_have_one_range_wherever_they_come_from():
    """The flag's, and the class's."""
    for kind, most in MOST.items():
        assert checked({kind: most}, "here") == {kind: most}
        with pytest.raises(nn.UsageError, match=f"at most {most}"):
            checked({kind: most * 1.0001}, "here")
        with pytest.raises(nn.UsageError, match=f"to {most:g}"):
            nn.Distortion(**{kind: most * 1.0001})


def test_only_digits_get_other_forms_unless_they_are_asked_for():
    assert resolve("lenet5", recipe="best").forms > 0
    assert resolve("lenet5", recipe="best", digits=False).forms == 0
    assert resolve("lenet5", recipe="best", digits=False, flags={"forms": 0.5}).forms == 0.5


def test_unknown_names_come_with_the_nearest_known(tmp_path):
    path = tmp_path / "s.toml"
    for text, told in (
        ("[lenet]\nlr = 1", r"did you mean lenet5\?"),
        ("[logistic]\nhidden = [5]", "put it under \\[mlp\\]"),
    ):
        path.write_text(text)
        with pytest.raises(nn.UsageError, match=told):
            resolve("lenet5", recipe="best", config=path)
    with pytest.raises(nn.UsageError, match=r"did you mean original\?"):
        resolve("mlp", recipe="orignal")


def test_every_recipe_is_valid_for_every_model():
    for recipe in recipes():
        for model in MODELS:
            resolve(model, recipe=recipe).plan()


def test_flags_beat_the_file_which_beats_the_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 7\nlr = 0.5\nseed = 3\n[mlp]\nlr = 0.25\nhidden = [10, 20]\n[lenet5]\nepochs = 9\n")
    mlp = resolve("mlp", recipe="original", config=path, flags={"seed": 4})
    assert (mlp.epochs, mlp.lr, mlp.seed, mlp.hidden, mlp.batch_size) == (7, 0.25, 4, (10, 20), 128)
    lenet = resolve("lenet5", recipe="original", config=path, flags={"dropout": 0.5})
    assert (lenet.epochs, lenet.lr, lenet.dropout) == (9, 0.5, None)


BAD_FILES = {
    "epoch = 3": "'epoch' is unknown: did you mean epochs",
    "zzz = 3": "choose from epochs",
    "epochs = 0": "epochs is 0: give a whole number of at least 1",
    "epochs = 2.5": "epochs is 2.5: give a whole number",
    "epochs = true": "epochs is True",
    'lr = "fast"': "lr is 'fast': give a number above 0",
    "lr = nan": "lr is nan",
    "lr = inf": "lr is inf",
    "ema = 1.0": "below 1",
    'optimizer = "adamm"': "choose from sgd, momentum",
    "hidden = 5": "give a list",
    "hidden = []": "give a list",
    "hidden = [0]": "at least 1",
    "[lenet]\nlr = 1": "table 'lenet' is unknown",
    "[mlp]\nlr = -1": r"\[mlp\]: lr is -1",
    "[logistic]\nrl = 1": r"\[logistic\]: the setting 'rl' is unknown",
    "epochs = ": "is not TOML",
    "\x00": "is not TOML",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_bad_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(nn.UsageError, match=BAD_FILES[text]) as raised:
        resolve("mlp", recipe="original", config=path)
    assert "bad.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_file_and_recipe(tmp_path):
    with pytest.raises(nn.UsageError, match="cannot be read"):
        resolve("mlp", recipe="original", config=tmp_path / "none.toml")
    with pytest.raises(nn.UsageError, match="recipe 'none' is unknown"):
        resolve("mlp", recipe="none")


def test_every_setting_has_help_and_survives_the_way_through_a_file(tmp_path):
    """What config.json holds is read back as the same settings."""
    given = Settings(epochs=2, hidden=(3, 4), activation="tanh", dropout=0.5, limit=50, val_size=9)
    assert all(field.metadata["help"] for field in FIELDS.values())
    from nnscratch.files.atomic import write_json
    from nnscratch.runs.experiment import read_config

    write_json(tmp_path / "config.json", {"model": "mlp", "settings": given.to_dict()})
    assert read_config(tmp_path) == ("mlp", given)


LONG = {
    "a hexadecimal number of 10,000 digits": "epochs = 0x" + "f" * 900 + "\n" + "hidden = [0x" + "f" * 900 + "]",
    "a key of many parts": ".".join("a" * 20_000) + " = 1",
    "a name of many letters": "x" * 900 + " = 1",
    "a text of many letters": 'optimizer = "' + "x" * 900 + '"',
    "more than there is of any": "# comment\n" * 20_000,
    "many parts, many times": "\n".join(f"{'.'.join('b' * 450)}.a{k} = 1" for k in range(50)),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_files_are_refused_in_a_short_sentence(text, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    tracemalloc.start()
    with pytest.raises(nn.UsageError) as refused:
        resolve("mlp", recipe="best", config=tmp_path / "s.toml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(refused.value).replace(str(tmp_path), "")) < 400 and peak < 100_000_000


def test_a_number_that_python_does_not_write_out_is_refused():
    with pytest.raises(nn.UsageError, match="epochs is a very long or deep int: give a whole number"):
        checked({"epochs": 16**5_000}, "here")

"""Old paths of modules: pickles and programs that hold them still work, and are told the new ones."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import moved

PICKLES = Path(__file__).parent / "pickles"  # made by the code before it moved
PACKAGE = Path(nn.__file__).parent


def unpickled(name, *, new):
    if np.__version__.startswith("1."):
        pytest.skip("the pickles were made with NumPy 2, whose modules NumPy 1 has not")
    with pytest.warns(DeprecationWarning, match=new.replace(".", r"\.")):
        return pickle.loads((PICKLES / f"{name}.pickle").read_bytes())


def test_a_classifier_predicts_the_same():
    pytest.importorskip("sklearn")
    model = unpickled("classifier", new="nnscratch.models.estimator.Classifier")
    assert type(model) is nn.Classifier
    with np.load(PICKLES / "classifier.npz") as saved:
        np.testing.assert_allclose(model.predict_proba(saved["x"]), saved["probabilities"], rtol=1e-5)
        assert (model.predict(saved["x"]) == saved["labels"]).all()


@pytest.mark.skipif(np.__version__.startswith("1."), reason="the pickle was made with NumPy 2")
def test_a_network_predicts_the_same():
    with pytest.warns(DeprecationWarning) as told:
        model = pickle.loads((PICKLES / "sequential.pickle").read_bytes())
    assert any("Limits is called Thresholds now" in str(each.message) for each in told)
    with np.load(PICKLES / "sequential.npz") as saved:
        np.testing.assert_allclose(model.predict_proba(saved["x"]), saved["probabilities"], rtol=1e-5)
        assert [each.verdict for each in model.read(saved["x"])]


def test_what_trains_comes_back():
    adam = unpickled("adam", new="nnscratch.training.optimizers.Adam")
    assert type(adam) is nn.Adam and adam.learning_rate == 0.002 and set(adam.state) == {"m", "v"}
    assert unpickled("schedule", new="nnscratch.training.schedules.Cosine") == nn.Cosine(warmup=0.1)
    assert unpickled("distortion", new="nnscratch.data.augment.Distortion") == nn.Distortion(rotation=10)


def test_new_pickles_hold_new_paths():
    assert b"nnscratch.training.optimizers" in pickle.dumps(nn.Adam(0.002))


def test_imports_by_an_old_path():
    with pytest.warns(
        DeprecationWarning, match=r"nnscratch\.optimizers\.Adam is nnscratch\.training\.optimizers\.Adam now"
    ):
        from nnscratch.optimizers import Adam
    with pytest.warns(DeprecationWarning, match=r"nnscratch\.training\.trainer"):
        from nnscratch.training import Trainer
    with pytest.warns(DeprecationWarning, match=r"nnscratch\.study\.watch\.watch"):
        from nnscratch.study.watch import Watch
    with pytest.warns(DeprecationWarning, match=r"nnscratch\.models\.saving"):
        from nnscratch.sequential import load
    assert load is nn.load
    assert Adam is nn.Adam and Trainer.__name__ == "Trainer" and Watch.__name__ == "Watch"
    with pytest.raises(ImportError):
        from nnscratch.optimizers import Nothing
    with pytest.raises(ImportError):
        from nnscratch.training import Nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        import nnscratch.nothing  # noqa: F401


def test_functions_that_had_a_module_of_their_name_stay_callable():
    """Python puts an imported module in the place of the function."""
    code = (
        "import warnings, nnscratch as nn; before = nn.threads(); warnings.simplefilter('ignore');"
        "from nnscratch.threads import set_threads; import nnscratch.gradcheck;"
        "print(nn.threads() == before, callable(nn.gradcheck))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "True True\n"


def module(name):
    path = PACKAGE.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_the_tables_are_true():
    for old, new in moved.MODULES.items():
        assert module(new) and not module(old), old
    for old, new in moved.NAMES.items():
        package, name = old.rsplit(".", 1)
        is_package = (PACKAGE.joinpath(*package.split(".")) / "__init__.py").is_file()
        assert module(new) and (is_package or package in moved.MODULES), old
        with pytest.warns(DeprecationWarning):
            assert moved.old_name(f"nnscratch.{package}", name).__class__ is not None


def test_importing_the_package_asks_for_no_old_path():
    code = (
        "import sys, nnscratch; from nnscratch.moved import MODULES;"
        "print([old for old in MODULES if f'nnscratch.{old}' in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"

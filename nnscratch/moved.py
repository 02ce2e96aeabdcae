"""Old paths of modules, as pickles and programs of users hold them: each answers from its new place, with a warning.

Python asks here only for what it finds nowhere else. Where an old path is a package now, the package asks
:func:`old_name` for what its module had.
"""

import importlib
import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

INTO = {  # packages below nnscratch, and the modules in them that had their names one level up
    "data": "augment batches",
    "files": "safetensors",
    "layers": "initializers network",
    "models": "pretrained sequential",
    "ops": "replay",
    "pages": "plots",
    "parallel": "processes threads",
    "pictures": "components drawing photo preprocess segments",
    "runs": "experiment report robustness settings sweep",
    "study.network": "filters mistakes pca scatter",
    "study.step": "arithmetic formulas update",
    "study.watch": "diagnosis distribution live sample screen",
    "training": "gradcheck losses metrics optimizers plan schedules",
}
MODULES = {  # below nnscratch: the old path and the new one
    "calibration": "models.confidence",
    "checkpoint": "files.npz",
    "classifier": "models.estimator",
    "cluster": "parallel.dask",
    "data.digit_variants": "data.synthetic.forms",
    "data.files": "files.unpack",
    "data.folder": "data.formats.pictures",
    "data.idx": "data.formats.idx",
    "data.split": "data.dataset",
    "data.table": "data.formats.table",
    "enlarge": "data.distorted_copies",
    "examples": "data.scaling",
    "forms": "data.synthetic.forms",
    "images": "pictures.reading",
    "learning": "training.shards",
    "ops.batch": "ops.gather",
    "ops.softmax": "ops.losses",
    "paper": "pictures.page_crop",
    "pictures.deskew": "data.deskew",
    "plots_lab": "lab.plots",
    "plots_study": "study.watch.plots",
    "ranks": "parallel.mpi",
    "ruling": "pictures.ruled_lines",
    "sheets": "pictures.contact_sheets",
    "stored": "data.stored_batches",
    "strokes": "pictures.stroke_width",
    "study.excite": "study.network.activation_maximisation",
    "study.mosaic": "study.network.image_grid",
    "study.network_findings": "study.network.findings",
    "study.network_mistakes": "study.network.mistakes_page",
    "study.network_page": "study.network.page",
    "study.network_units": "study.network.units",
    "study.network_weights": "study.network.weights",
    "study.page": "pages.html",
    "study.receptive": "study.network.receptive_field",
    "study.record": "study.watch.page",
    "study.step_page": "study.step.page",
    "study.step_text": "study.step.text",
    "verdicts": "models.confidence",
    "workers": "training.shards",
}
for _package, _names in INTO.items():
    _above = _package.rpartition(".")[0]
    MODULES |= {f"{_above}.{name}".removeprefix("."): f"{_package}.{name}" for name in _names.split()}
NAMES = {  # names that are elsewhere than their module, or whose module is a package now
    "drawing.Drawing": "data.drawings",
    "drawing.read_drawings": "data.drawings",
    "learning.outputs": "training.inference.outputs",
    "models.MODELS": "models.zoo",
    "models.build": "models.zoo",
    "runs.Result": "runs.folder",
    "sequential.from_architecture": "models.saving",
    "sequential.load": "models.saving",
    "study.step.Step": "study.step.step",
    "study.step.take_step": "study.step.step",
    "study.watch.Watch": "study.watch.watch",
    "training.Callback": "training.callbacks",
    "training.Trainer": "training.trainer",
    "workers.outputs": "training.inference.outputs",
}


class OldModule(ModuleType):
    """What stands for a module that has moved."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module at the new place has under that name."""
        if name.startswith("__"):  # asked for by the import system, and by whoever goes through all modules
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        old = _below(self.__name__)
        return _found(NAMES.get(f"{old}.{name}", MODULES[old]), name, self.__name__)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function of the same name: Python has put this module in the place of ``nn.threads``."""
        name = _below(self.__name__)
        return getattr(importlib.import_module(f"nnscratch.{MODULES[name]}"), name)(*arguments, **options)


class Finder:
    """Finds modules that have moved, and makes what stands for them."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Answer for the old paths alone."""
        old = name.startswith("nnscratch.") and _below(name) in MODULES
        return ModuleSpec(name, cls()) if old else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> OldModule:
        """Return what stands for the module."""
        return OldModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the new place is imported when something is asked for."""


def answer_for_old_paths() -> None:
    """Have Python ask here for what it finds nowhere else."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)


def old_name(package: str, name: str) -> Any:
    """Return what the module had under that name whose path is a package now. Raises AttributeError."""
    place = NAMES.get(f"{_below(package)}.{name}")
    if place is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return _found(place, name, package)


def _found(place: str, name: str, old: str) -> Any:
    found = getattr(importlib.import_module(f"nnscratch.{place}"), name)
    new = f"nnscratch.{place}"
    warnings.warn(f"{old}.{name} is {new}.{name} now", DeprecationWarning, stacklevel=3)
    return found


def _below(name: str) -> str:
    return name.removeprefix("nnscratch.")

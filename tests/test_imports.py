"""The layout's arrows: who may import whom, read from the source of every module.

A room is a module or package right inside ``nnscratch``. FLOORS lists rooms from the lowest up: a room imports only
from floors below its own. Rooms beside the house (ASIDE) import only what is listed for them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnscratch

ROOT = Path(nnscratch.__file__).parent

FLOORS = [
    {"errors", "arrays", "lenet5_from_scratch"},
    {"files", "ranks", "threads", "components", "examples", "ruling", "strokes", "verdicts"},
    {"ops", "metrics", "images", "checkpoint", "plots", "drawing", "sheets", "pretrained", "paper"},
    {"photo", "pieces_numba", "plots_lab", "plots_study", "safetensors"},
    {"initializers", "schedules", "preprocess", "augment", "calibration"},
    {"layers", "data", "forms", "segments"},
    {"losses", "optimizers", "network", "batches", "claims"},
    {"replay", "plan", "stored", "enlarge"},
    {"workers", "processes"},
    {"learning"},
    {"training"},
    {"sequential"},
    {"models", "gradcheck", "robustness"},
    {"settings", "classifier", "export"},
    {"__init__"},  # the public names
    {"runs"},
    {"report"},
    {"experiment"},
    {"sweep"},
    {"web", "study", "cluster"},
    {"lab"},
    {"cli"},
    {"__main__"},
]
BASE = {"errors", "arrays"}
ASIDE = {
    "augment": BASE | {"ops"},
    "calibration": BASE | {"ops"},
    "checkpoint": BASE | {"files"},
    "components": BASE,
    "data": BASE | {"files", "images", "preprocess"},
    "drawing": BASE | {"files"},
    "examples": BASE,
    "files": BASE,
    "forms": BASE | {"drawing", "preprocess"},
    "images": BASE,
    "lenet5_from_scratch": set(),
    "metrics": BASE,
    "ops": BASE,
    "paper": BASE | {"components"},
    "photo": BASE | {"components", "paper", "ruling", "strokes"},
    "plots": BASE,
    "plots_lab": BASE | {"plots"},
    "plots_study": BASE | {"plots"},
    "ranks": BASE,
    "preprocess": BASE | {"images", "photo", "strokes"},
    "pretrained": BASE | {"files"},
    "runs": BASE | {"files"},
    "safetensors": BASE | {"checkpoint", "files"},
    "ruling": BASE,
    "segments": BASE | {"components", "preprocess"},
    "sheets": BASE | {"files"},
    "strokes": BASE,
    "threads": BASE,
    "verdicts": BASE,
}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# library -> the modules, by the pattern of their paths, in which alone it may be imported
ONLY_IN = {
    "numba": ["*_numba.py"],
    "llvmlite": ["*_numba.py"],
    "matplotlib": ["plots*.py"],
    "mpi4py": ["ranks.py"],
    "flask": ["web/*.py"],
    "distributed": ["cluster.py"],
    "waitress": ["web/*.py"],
    "scipy": [],
    "sklearn": ["classifier.py"],
    "onnx": ["export/onnx_graph.py"],
    "onnxruntime": [],
    "safetensors": [],
    "torch": [],
    "tensorflow": [],
    "jax": [],
}
LAZY = [  # not loaded by ``import nnscratch``
    "matplotlib",
    "mpi4py",
    "flask",
    "scipy",
    "numba",
    "PIL",
    "rich",
    "sklearn",
    "onnx",
]

MODULES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}
every_module = pytest.mark.parametrize("path", sorted(MODULES))


def dotted(path):
    """ops/conv.py -> nnscratch.ops.conv, and ops/__init__.py -> nnscratch.ops."""
    parts = ["nnscratch", *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {path: dotted(path) for path in MODULES}
PATHS = {name: path for path, name in NAMES.items()}


def room(path):
    return path.split("/")[0].removesuffix(".py")


def statements(path):
    """Every import statement of a module, as (dotted name, name in it or None, whether it waits).

    One inside a function waits until that is called; one under ``if TYPE_CHECKING`` waits forever.
    """
    parts = NAMES[path].split(".")
    package = parts if path.endswith("__init__.py") else parts[:-1]
    found = []

    def visit(node, waits):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, None, waits) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                above = package[: len(package) + 1 - child.level] if child.level else []  # from . import ...
                module = ".".join([*above, *([child.module] if child.module else [])])
                found.extend((module, alias.name, waits) for alias in child.names)
            visit(child, waits or isinstance(child, ast.FunctionDef | ast.Lambda) or is_type_checking(child))

    visit(MODULES[path], False)
    return found


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imported(path):
    """The package's own modules that a module imports, as paths: ``from nnscratch import ops`` is ops/__init__.py."""
    names = set()
    for module, name, _ in statements(path):
        if module.split(".")[0] == "nnscratch":
            names.add(f"{module}.{name}" if f"{module}.{name}" in PATHS else module)
    return {PATHS[name] for name in names}


@every_module
def test_every_room_has_a_floor(path):
    below = sorted({room(target) for target in imported(path)} - {room(path)})
    assert room(path) in FLOOR, (
        f"nnscratch/{path} is new: put {room(path)!r} into FLOORS in {Path(__file__).name}, above everything that it "
        f"imports ({', '.join(below) or 'nothing'}) and below what imports it"
    )


@every_module
def test_arrows_go_down(path):
    own = room(path)
    for target in sorted({room(p) for p in imported(path)} - {own}):
        assert FLOOR.get(target, -1) < FLOOR.get(own, len(FLOORS)), (
            f"nnscratch/{path} imports {target}, which is not below {own}: see FLOORS"
        )
        if own in ASIDE:
            wanted = ", ".join(sorted(ASIDE[own]))
            assert target in ASIDE[own], f"nnscratch/{path} imports {target}, but {own} may import only {wanted}"


def test_no_module_imports_itself_by_a_detour():
    finished = set()

    def follow(path, trail):
        assert path not in trail, "a cycle of imports: " + " -> ".join([*trail[trail.index(path) :], path])
        if path not in finished:
            for target in sorted(imported(path)):
                follow(target, [*trail, path])
            finished.add(path)

    for path in sorted(MODULES):
        follow(path, [])
    assert finished == set(MODULES)


@every_module
def test_libraries_stay_in_their_modules(path):
    for module, _, waits in statements(path):
        library = module.split(".")[0]
        if library in ONLY_IN:
            allowed = ONLY_IN[library]
            assert any(Path(path).match(pattern) for pattern in allowed), (
                f"nnscratch/{path} imports {library}, which belongs in {', '.join(allowed) or 'no module'}"
            )
        if library == "matplotlib":
            assert waits, f"nnscratch/{path} imports {module} at its top: import it inside the function that draws"


def test_import_is_light():
    """Importing the package loads none of the heavy libraries, whatever is installed."""
    code = f"import sys, nnscratch; print(*(name for name in {LAZY} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_twins_have_the_names_and_arguments_of_the_readable_functions():
    """Read from the source, so that no twin is compiled."""

    def signatures(path):
        return {
            node.name: [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            for node in MODULES[path].body
            if isinstance(node, ast.FunctionDef)
        }

    for twin in (path for path in MODULES if path.endswith("_numba.py")):
        ours = signatures(twin)
        readable = twin.replace("_numba.py", ".py")
        for name, names in (signatures(readable) if readable in MODULES else {}).items():
            assert ours.get(name, names) == names, f"nnscratch/{twin}: {name} takes {ours[name]}, not {names}"

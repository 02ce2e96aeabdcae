"""The layout's arrows: who may import whom, read from the source of every module.

A room is a module or package right inside ``nnscratch``. FLOORS lists rooms from the lowest up: a room imports only
from floors below its own, and those in ASIDE only what is listed for them.
"""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import nnscratch

ROOT = Path(nnscratch.__file__).parent

FLOORS = [
    {"errors", "arrays", "moved", "version", "lenet5_from_scratch"},
    {"ops", "pictures", "files", "parallel", "pages"},
    {"layers", "data"},
    {"training"},
    {"models"},
    {"__init__", "runs", "study", "export"},  # __init__: the public names
    {"lab", "web"},
    {"cli"},
]
SCRIPTS = {"__main__": {"cli"}}  # above all floors
BASE = {"errors", "arrays", "moved", "version"}
ASIDE = {
    "moved": set(),
    "lenet5_from_scratch": set(),
    "layers": BASE | {"ops"},
    "data": BASE | {"ops", "pictures", "files", "parallel"},
    "export": BASE | {"files", "data", "models"},
}
LISTS = {"commands", "experiments", "tasks", "compiled", "formats"}  # folders of one kind of thing, which may be long
MOST_MODULES = 14  # in any other folder
NO_NAMESAKE = {  # compiled files without a readable file of their name, and why
    "jit": "how all of them are compiled",
    "cache": "where their machine code is kept",
    "intrinsics": "instructions that Numba has no words for",
    "batchnorm_pool": "the part of fused.py that is batch normalisation",
    "tape": "plays recorded kernels; NumPy has none",
    "product": "matrix products, which NumPy has as @",
    "exponential": "exp of vectors, which NumPy has",
    "blas": "the routine behind NumPy's @",
    "sparse": "matrix products that leave zeros out",
    "pieces": "reads pieces of a file",
}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# library -> the modules, by the pattern of their paths, in which alone it may be imported
ONLY_IN = {
    "numba": ["ops/compiled/*.py", "ops/compiled/tiles/*.py"],
    "llvmlite": ["ops/compiled/*.py", "ops/compiled/tiles/*.py"],
    "jinja2": ["pages/*.py", "web/site/page.py"],
    "markupsafe": ["pages/*.py"],
    "matplotlib": ["plots.py", "pages/figure.py", "study/figures/*.py"],
    "mpi4py": ["parallel/mpi.py"],
    "flask": ["web/*.py"],
    "distributed": ["parallel/dask.py"],
    "waitress": ["web/*.py"],
    "scipy": [],
    "sklearn": ["models/estimator.py"],
    "onnx": ["export/onnx_graph.py"],
    "onnxruntime": [],
    "safetensors": [],
    "torch": [],
    "tensorflow": [],
    "jax": [],
}
LAZY = [  # not loaded by ``import nnscratch``
    "jinja2",
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

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
every_module = pytest.mark.parametrize("path", MODULES)


@cache
def tree(path):
    """The module, parsed when a test asks for it: all workers collect these tests, and one runs them."""
    return ast.parse((ROOT / path).read_text("utf-8"))


def dotted(path):
    """ops/conv.py -> nnscratch.ops.conv, and ops/__init__.py -> nnscratch.ops."""
    parts = ["nnscratch", *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {path: dotted(path) for path in MODULES}
PATHS = {name: path for path, name in NAMES.items()}


def room(path):
    return path.split("/")[0].removesuffix(".py")


@cache
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

    visit(tree(path), False)
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
    assert room(path) in FLOOR or room(path) in SCRIPTS, (
        f"nnscratch/{path} is new: put {room(path)!r} into FLOORS in {Path(__file__).name}, above everything that it "
        f"imports ({', '.join(below) or 'nothing'}) and below what imports it"
    )


@every_module
def test_arrows_go_down(path):
    own = room(path)
    allowed = SCRIPTS.get(own, ASIDE.get(own))
    for imports in sorted(imported(path)):
        target = room(imports)
        if target == own:
            continue
        assert FLOOR.get(target, len(FLOORS)) < FLOOR.get(own, len(FLOORS)), (
            f"nnscratch/{path} imports {imports}, which is not below {own}: see FLOORS"
        )
        if allowed is not None:
            wanted = ", ".join(sorted(allowed)) or "nothing"
            assert target in allowed, f"nnscratch/{path} imports {imports}, but {own} may import only {wanted}"


def test_the_house_stays_small():
    assert len(FLOORS) <= 8 and len({room(path) for path in MODULES}) <= 22
    inside = Counter(str(Path(path).parent) for path in MODULES if not path.endswith("__init__.py"))
    for folder, count in inside.items():
        assert count <= MOST_MODULES or Path(folder).name in LISTS, f"nnscratch/{folder} has {count} modules"


def test_no_module_imports_itself_by_a_detour():
    finished = set()

    def follow(path, trail):
        assert path not in trail, "a cycle of imports: " + " -> ".join([*trail[trail.index(path) :], path])
        if path not in finished:
            for target in sorted(imported(path)):
                follow(target, [*trail, path])
            finished.add(path)

    for path in MODULES:
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
            for node in tree(path).body
            if isinstance(node, ast.FunctionDef)
        }

    for twin in (
        path for path in MODULES if Path(path).match("ops/compiled/*.py") and not path.endswith("__init__.py")
    ):
        ours = signatures(twin)
        readable = twin.replace("compiled/", "")
        reason = NO_NAMESAKE.get(Path(twin).stem)
        assert (readable in MODULES) != bool(reason), (
            f"nnscratch/{twin}: a namesake in ops/, or a reason in NO_NAMESAKE"
        )
        for name, names in (signatures(readable) if readable in MODULES else {}).items():
            assert ours.get(name, names) == names, f"nnscratch/{twin}: {name} takes {ours[name]}, not {names}"

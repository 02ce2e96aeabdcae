"""Compare networks that left: what ONNX Runtime, PyTorch and a safetensors file make of MNIST's 10,000 test images.

    python -m benchmarks.peers.exchange    # in the environment that peers.py torch makes

Each network that comes with the library is exported by ``nnscratch export``; the code that the command prints is run,
with the test images for those in it. The error is the largest difference of a probability. float32 rounds logits of 20
to 2e-6, so the network in float64 is asked as well. Then scikit-learn asks ``nn.Classifier`` all that its
``check_estimator`` asks. Results go to benchmarks/results/exchange.json.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.peers import peers

MODELS = ("lenet5", "mlp", "logistic")
WANTED, MOST = 1e-6, 1e-5  # what is wanted of a probability; what cannot be rounding
FORMS = {"onnx": "onnx", "torch-state-dict": "pt", "safetensors": "safetensors"}


def main() -> None:
    """Parse the arguments; measure in the environment that has the others, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measure()))
        return
    python = peers.python_of("torch")
    if python is None:
        sys.exit(peers.skipped("torch"))
    environment = harness.environment(threads=1)
    ended = harness.run(
        [str(python), "-m", "benchmarks.peers.exchange", "--here"],
        cwd=harness.ROOT,
        env={"PYTHONPATH": str(harness.ROOT)},
    )
    results = json.loads(ended.stdout)
    environment["versions"] |= results.pop("versions")
    harness.finish(args, "exchange", results | {"environment": environment}, table)
    worst = max(row["error"] for row in results["rows"])
    if not worst <= MOST or results["checks"]["failed"]:
        sys.exit("exchange.py: they do not agree")


def measure() -> dict[str, Any]:
    """Return the errors and the checks, in a process that has PyTorch, ONNX Runtime and scikit-learn."""
    import numpy as np

    import nnscratch as nn
    from nnscratch.models.pretrained import pretrained
    from nnscratch.training.gradcheck import float64_copy

    nn.set_threads(1)
    images, rows = nn.load_mnist().test_images[:, None] / np.float32(255), []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            model = nn.load(pretrained(name))
            ours = model.predict_proba(images)
            exact = float64_copy(model).predict_proba(images)
            rows.append(row(name, "float64", np.abs(exact - ours)))
            for form, suffix in FORMS.items():
                theirs = answers(name, form, Path(folder) / f"{name}.{suffix}", images)
                rows.append(row(name, form, np.abs(theirs - ours)))
    told = harness.versions("torch", "onnxruntime", "scikit-learn")
    return {"rows": rows, "images": len(images), "checks": checks(), "versions": told}


def row(model: str, form: str, differences: Any) -> harness.Row:
    """Return the largest difference (N, 10), and of how many images one is above what is wanted."""
    above = int((differences > WANTED).any(axis=1).sum())
    return {"model": model, "form": form, "error": float(differences.max()), "images_above": above}


def answers(name: str, form: str, path: Path, images: Any) -> Any:
    """Return the probabilities (N, 10) of images (N, 1, 28, 28) float32 in 0..1, by the code that export prints."""
    import numpy as np

    import nnscratch as nn
    from nnscratch.cli.main import main as command

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        assert command(["export", name, "--to", form, "--out", str(path)]) == 0
    if form == "safetensors":
        return nn.load(path).predict_proba(images)
    place = 'np.zeros((1, 1, 28, 28), "float32")' if form == "onnx" else "torch.zeros((1, 1, 28, 28))"
    code = said.getvalue()
    assert place in code, code
    space: dict[str, Any] = {"mine": images}
    exec(code.replace(place, "mine" if form == "onnx" else "torch.tensor(mine)"), space)
    return np.asarray(space["probabilities"])


def checks() -> dict[str, int]:
    """Return how many checks of scikit-learn's ``check_estimator`` passed, failed, or were not for this estimator."""
    from sklearn.utils.estimator_checks import check_estimator

    import nnscratch as nn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = check_estimator(nn.Classifier(hidden=(20,), random_state=0), on_fail=None)
    return {status: sum(one["status"] == status for one in told) for status in ("passed", "failed", "skipped", "xfail")}


def table(results: dict[str, Any]) -> str:
    """Return Markdown."""
    cells = {
        (row["model"], row["form"]): f"{row['error']:.1e}"
        + (f" ({row['images_above']})" if row["images_above"] else "")
        for row in results["rows"]
    }
    lines = [[name, *(cells[name, form] for form in (*FORMS, "float64"))] for name in MODELS]
    header = ("largest difference", "ONNX Runtime", "PyTorch", "safetensors, loaded again", "nnscratch in float64")
    counts = results["checks"]
    return (
        f"{harness.markdown(header, lines)}\n\n{results['images']:,} test images; at most {WANTED:g} of a "
        "probability is wanted; in brackets, of how many images one differs by more. "
        f"`check_estimator`: {counts['passed']} checks passed, {counts['failed']} failed, "
        f"{counts['skipped'] + counts['xfail']} left out."
    )


if __name__ == "__main__":
    main()

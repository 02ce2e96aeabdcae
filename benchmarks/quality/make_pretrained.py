"""Put the networks of a run into the package, with a manifest that says where they come from; or make them again.

python train.py --recipe distilled --out runs/distilled
python -m benchmarks.quality.make_pretrained runs/distilled
python -m benchmarks.quality.make_pretrained --check    # trains anew, and compares every bit of weights and limits
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nnscratch as nn
from benchmarks import harness
from nnscratch.models.pretrained import FOLDER, load_pretrained, manifest
from nnscratch.runs.experiment import begin
from nnscratch.runs.folder import Result, results
from nnscratch.runs.settings import resolve

RECIPE = "distilled"


def main() -> None:
    """Copy the weights and write manifest.json, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN")
    parser.add_argument("--check", action="store_true", help="train as the manifest says, and compare the weights")
    args = parser.parse_args()
    if args.check == (args.run is not None):
        parser.error("give a run, or --check")
    if args.check:
        different = [name for name, told in manifest().items() if not same_again(name, told)]
        parser.exit(
            1 if different else 0, f"different: {', '.join(different)}\n" if different else "all the same bits\n"
        )
    models = {result.name: entry(result, parser) for result in results(args.run)}
    for name in models:
        shutil.copyfile(args.run / name / "model.npz", FOLDER / f"{name}.npz")
    told = harness.environment(0)
    about = {key: told[key] for key in ("machine", "commit", "date", "versions")}
    (FOLDER / "manifest.json").write_text(json.dumps({"made": about, "models": models}, indent=2) + "\n")
    print(f"{len(models)} models in {FOLDER}")


def entry(result: Result, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return what the manifest says of a model. Exits when its settings are not the recipe's."""
    figures, settings = result.metrics, result.config["settings"]
    recipe = resolve(result.name, recipe=RECIPE, flags={"seed": figures["seed"]}).to_dict()
    if json.loads(json.dumps(recipe)) != settings:
        parser.exit(1, f"{result.folder} was not trained by the recipe {RECIPE}: train it without other settings\n")
    return {
        "command": f"python train.py --recipe {RECIPE} --seed {figures['seed']} {result.name}",
        "seed": figures["seed"],
        "weights_sha256": figures["weights_sha256"],
        "settings": settings,
        "data_sha256": result.config["data"]["sha256"],
        "versions": result.config["versions"],
        "seconds": figures["seconds"],
        "test_accuracy": figures["test"]["accuracy"],
        "test_loss": figures["test"]["loss"],
        "validation_accuracy": figures["validation"]["accuracy"],
    }


def same_again(name: str, told: dict[str, Any]) -> bool:
    """Train a model again; say how it compares, and return whether it has the same bits."""
    settings = resolve(name, recipe=RECIPE, flags={"seed": told["seed"]})
    with tempfile.TemporaryDirectory() as folder:
        experiment = begin(name, settings, nn.load_mnist(), Path(folder))
        experiment.trainer.run()
        figures = experiment.finish()
    shipped, made = load_pretrained(name), experiment.model
    limits = (made.temperature, made.limits) == (shipped.temperature, shipped.limits)
    same = bool(figures["weights_sha256"] == told["weights_sha256"]) and limits
    accuracy = figures["test"]["accuracy"]
    print(f"{name}: {'the same bits' if same else 'other bits'}, test accuracy {100 * accuracy:.2f} %", end="")
    print(f" (manifest: {100 * told['test_accuracy']:.2f} %)", flush=True)
    return same


if __name__ == "__main__":
    main()

"""Put the networks of a run into the package, with a manifest that says where they come from.

python train.py --out runs/best
python benchmarks/make_pretrained.py runs/best
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import harness

from nnscratch.pretrained import FOLDER
from nnscratch.runs import results


def main() -> None:
    """Copy the weights and write manifest.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    run = parser.parse_args().run
    models = {}
    for result in results(run):
        shutil.copyfile(result.folder / "model.npz", FOLDER / f"{result.name}.npz")
        figures = result.metrics
        models[result.name] = {
            "command": f"python train.py --recipe best --seed {figures['seed']} {result.name}",
            "seed": figures["seed"],
            "weights_sha256": figures["weights_sha256"],
            "settings": result.config["settings"],
            "data_sha256": result.config["data"]["sha256"],
            "versions": result.config["versions"],
            "seconds": figures["seconds"],
            "test_accuracy": figures["test"]["accuracy"],
            "test_loss": figures["test"]["loss"],
            "validation_accuracy": figures["validation"]["accuracy"],
        }
    told = harness.environment(0)
    about = {key: told[key] for key in ("machine", "commit", "date", "versions")}
    (FOLDER / "manifest.json").write_text(json.dumps({"made": about, "models": models}, indent=2) + "\n")
    print(f"{len(models)} models in {FOLDER}")


if __name__ == "__main__":
    main()

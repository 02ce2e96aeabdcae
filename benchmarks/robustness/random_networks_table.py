"""The tables of random_networks.py: errors, digests, and what the networks consist of."""

from __future__ import annotations

from typing import Any

from benchmarks import harness
from benchmarks.robustness import architectures

BOUND = 1e-9  # in float64
SINGLE, SINGLE_BOUND = 100, 1e-3  # so many are compared in float32, too, which has seven digits
NAMES = {
    "loss": "loss",
    "output": "output",
    "input": "gradient with respect to the input",
    **{name: f"gradient with respect to {name}" for name in ("W", "b", "gamma", "beta")},
    "running_mean": "running mean",
    "running_var": "running variance",
}


def table(results: dict[str, Any]) -> str:
    """Return Markdown: errors, digests, and what the networks consist of."""
    return "\n\n".join([told_errors(results), told_digests(results), told_options(results)])


def told_errors(results: dict[str, Any]) -> str:
    """Return the table of errors."""

    def cells(one: dict[str, Any] | None) -> list[str]:
        return [f"{one['error']:.1e}", f"{one['network']}"] if one else ["not compared", ""]

    header = ["array", "compared", "PyTorch: worst error", "of network", "Numba: worst error", "of network"]
    lines = [
        [NAMES[row["array"]], f"{row['compared']:,}", *cells(row["torch"]), *cells(row["numba"])]
        for row in results["rows"]
    ]
    peer = f"PyTorch {results['torch']['torch']}" if results["torch"] else "PyTorch (not installed)"
    share = f"{results['cancelled']:,} of {results['arrays']:,} arrays"
    text = (
        f"{results['networks']:,} random networks in float64, NumPy against {peer} and against compiled kernels; an "
        f"error is the largest difference by the array's largest magnitude, at most {BOUND:g} wanted. {share} are "
        f"gradients whose terms cancel to less than {architectures.CANCELLED:g} of their sum, or that are below "
        f"{architectures.TINY:g} of the network's largest, and are measured by that; {results['zero']:,} are 0 "
        f"altogether, as behind a dead ReLU."
    )
    if results["single"]:
        text += f" In float32 the backends differ by {results['single']['error']:.1e} at most ({SINGLE} networks)."
    return f"{text}\n\n{harness.markdown(header, lines)}"


def told_digests(results: dict[str, Any]) -> str:
    """Return the table of digests."""
    lines = []
    for row in results["digests"]:
        first = next(iter(row["digests"].values()))
        others = ", ".join(name if value == first else f"{name}: OTHER BITS" for name, value in row["digests"].items())
        lines.append([row["what"], row["backend"], f"`{first[:16]}`", others])
    header = ["SHA-256 of", "backend", "begins with", "the same for"]
    text = (
        f"In the steps, batches of {results['cut']:,} networks are cut into four shards; the others mix images and are "
        f"worked on in one piece. Outside of training BLAS has its own threads: with 1, 2 and 4 of them "
        f"{results['blas_differs']:,} networks have other bits."
    )
    return f"{harness.markdown(header, lines)}\n\n{text}"


def told_options(results: dict[str, Any]) -> str:
    """Return the table of options, two side by side."""
    cells = [[name, f"{one['networks']:,}", f"{one['layers']:,}"] for name, one in results["options"].items()]
    half = -(-len(cells) // 2)
    lines = [left + right for left, right in zip(cells[:half], [*cells[half:], ["", "", ""]], strict=False)]
    summary = "<details><summary>What the networks consist of</summary>"
    return f"{summary}\n\n{harness.markdown(['option', 'networks', 'times'] * 2, lines)}\n\n</details>"

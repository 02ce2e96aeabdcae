"""The part of the network's page about what it reads wrongly."""

from __future__ import annotations

from nnscratch.study.network.findings import Findings
from nnscratch.study.network.image_grid import enlarged, figure, img
from nnscratch.study.network.mistakes import Confusion

ALL = 1_500  # mistakes of which every one is drawn
DRAWN = 10  # of each pair, where there are more
TWICE = 2  # pixels for each of an image's


def mistakes_section(findings: Findings) -> str:
    """Return the confusion matrix, and the wrongly read images of each pair, the most confident first."""
    pairs = findings.confusions
    count = sum(len(pair.images) for pair in pairs)
    if not pairs:
        return f"<p>All {len(findings.labels):,} test images are read rightly.</p>"
    most = None if count <= ALL else DRAWN
    often = sorted(pairs, key=lambda pair: -len(pair.images))[:3]
    told = ", ".join(f"{pair.true} as {pair.read} ({len(pair.images)})" for pair in often)
    how = "" if most is None else f" Of each pair the first {most} are drawn; the others are listed by number."
    galleries = "".join(_pair(findings, pair, most) for pair in pairs)
    return (
        f"<p>{count:,} of {len(findings.labels):,} test images are read wrongly, most often {told}. A row of the table "
        "is the true digit, a column the one that was read. Below it, for each pair, the images, the "
        f"most confident first, with the confidence in the wrong digit and the image’s number.{how}</p>"
        f"{_matrix(findings)}<div class='pairs'>{galleries}</div>"
    )


def _matrix(findings: Findings) -> str:
    counts = findings.figures["confusion"]
    head = "".join(f"<th scope='col'>{k}</th>" for k in range(len(counts)))
    rows = "".join(
        f"<tr><th scope='row'>{true}</th>{''.join(_cell(true, read, n) for read, n in enumerate(row))}</tr>"
        for true, row in enumerate(counts)
    )
    return (
        "<div class='wide' tabindex='0' role='group' aria-label='confusion matrix'><table class='confusion'>"
        f"<thead><tr><td>true, read</td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(true: int, read: int, count: int) -> str:
    if true == read:
        return f"<td class='right'>{count}</td>"
    return f"<td><a href='#wrong-{true}-{read}'>{count}</a></td>" if count else "<td class='soft'>·</td>"


def _pair(findings: Findings, pair: Confusion, most: int | None) -> str:
    title = f"{pair.true} read as {pair.read} ({len(pair.images)})"
    figures = []
    for image, confidence in list(zip(pair.images, pair.confidence, strict=True))[:most]:
        told = f"test image {image}, a {pair.true} read as {pair.read} with confidence {100 * confidence:.1f} %"
        caption = f"<b>{100 * confidence:.1f} %</b><br>{image}"
        figures.append(figure(img(enlarged(findings.images[image], TWICE), told), caption, "mistake"))
    rest = ", ".join(str(image) for image in pair.images[len(figures) :])
    others = f"<details><summary>the others</summary><p class='numbers-list'>{rest}</p></details>" if rest else ""
    return (
        f"<div class='pair' id='wrong-{pair.true}-{pair.read}'><h3>{title}</h3>"
        f"<div class='pictures'>{''.join(figures)}</div>{others}</div>"
    )

"""Photos of one cell of a puzzle, a form or squared paper, and digits with a margin of another tone, to be read.

The digits are MNIST training images, of which nothing else is taken than their strokes, as ink at 60 to 120 pixels.
``python -m tests.pictures.photos`` says how many of each kind the pretrained LeNet-5 reads right.
"""

import sys
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

PAPER = {"white": (0.93, 0.92, 0.9), "grey": (0.72, 0.71, 0.68), "yellow": (0.9, 0.85, 0.68)}
INK = {"black": (0.12, 0.12, 0.14), "blue": (0.15, 0.2, 0.6), "pencil": (0.42, 0.42, 0.44), "red": (0.7, 0.15, 0.15)}
LINE = {"black": (0.1, 0.1, 0.1), "grey": (0.5, 0.5, 0.5), "blue": (0.3, 0.4, 0.75), "red": (0.8, 0.3, 0.3),
        "faint": (0.72, 0.75, 0.8)}  # fmt: skip
ALL = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Cell:
    """How a cell looks; lengths are in heights of the digit.

    ``sides`` have a line in the picture. It is cut there in the ``line`` ("sliver"), or behind it by ``beyond``, where
    the next cell's paper begins, and its digit. ``room`` lies between the line and the digit; negative is over it.
    """

    sides: tuple[str, ...] = ()
    thickness: float = 0.05
    beyond: float | None = None
    neighbors: bool = False
    room: tuple[float, float] = (0.12, 0.4)
    touching: str | None = None
    turned: float = 5.0
    line: str = "black"
    paper: str = "white"
    ink: str = "black"
    height: tuple[int, int] = (60, 120)
    light: float = 0.25
    shadow: float = 0.0
    light_on_dark: bool = False
    level: float = 0.3


def strokes(image, height, level=0.3):
    """The ink of an MNIST image at ``height`` pixels, (h, w) float32 0..1, with edges as sharp as a pen's.

    Ink is what is above ``level`` in the image: a higher one makes a thinner pen.
    """
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 60) for axis in (1, 0))
    crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    padded = np.pad(crop, 1)
    scale = height / len(crop)
    size = max(1, round(padded.shape[1] * scale)), max(1, round(padded.shape[0] * scale))
    large = np.asarray(Image.fromarray(padded).resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    return np.clip((large - level) / 0.3, 0, 1)


def cell_photo(image, cell, rng, other=None):
    """A photo of ``image`` in a cell, as the bytes of a JPEG; ``other`` is the digit of the next cells."""
    height = int(rng.integers(cell.height[0], cell.height[1] + 1))
    ink = strokes(image, height, cell.level)
    low, high = cell.room
    room = {side: round(height * (rng.uniform(low, high) if side != cell.touching else -0.02)) for side in ALL}
    line = max(1, round(cell.thickness * height))
    wide = height  # of the scene around the cell, in which the neighbours stand
    inner_h, inner_w = ink.shape[0] + room["top"] + room["bottom"], ink.shape[1] + room["left"] + room["right"]
    inner_w = max(inner_w, int(0.8 * inner_h))
    scene_h, scene_w = inner_h + 2 * (line + wide), inner_w + 2 * (line + wide)
    left, top = wide + line, wide + line
    marks, lines = np.zeros((scene_h, scene_w), np.float32), np.zeros((scene_h, scene_w), np.float32)
    _add(marks, ink, top + room["top"], left + room["left"])
    if cell.neighbors and other is not None:
        shape = strokes(other, height, cell.level)
        gap = line + round(0.25 * height)
        _add(marks, shape, top + room["top"], left - gap - shape.shape[1])
        _add(marks, shape, top + room["top"], left + inner_w + gap)
        _add(marks, shape, top - gap - height, left + room["left"])
        _add(marks, shape, top + inner_h + gap, left + room["left"])
    if "left" in cell.sides:
        lines[:, left - line : left] = 1
    if "right" in cell.sides:
        lines[:, left + inner_w : left + inner_w + line] = 1
    if "top" in cell.sides:
        lines[top - line : top] = 1
    if "bottom" in cell.sides:
        lines[top + inner_h : top + inner_h + line] = 1
    ends = {}
    for side in ALL:
        if side not in cell.sides:
            ends[side] = -max(round(0.04 * height), 1) if room[side] > 0.06 * height else 0
        elif cell.beyond is None:
            ends[side] = max(1, round(line * rng.uniform(0.3, 1)))
        else:
            ends[side] = line + round(height * cell.beyond * rng.uniform(0.3, 1))
    box = (left - ends["left"], top - ends["top"], left + inner_w + ends["right"], top + inner_h + ends["bottom"])
    return _seen(_coloured(marks, lines, cell), box, cell, rng)


def _add(marks, shape, top, left):
    top, left = max(top, 0), max(left, 0)
    part = marks[top : top + shape.shape[0], left : left + shape.shape[1]]
    np.maximum(part, shape[: part.shape[0], : part.shape[1]], out=part)


def _coloured(marks, lines, cell):
    scene = np.ones((*marks.shape, 3), np.float32) * np.array(PAPER[cell.paper], np.float32)
    for mask, color in ((lines, LINE[cell.line]), (marks, INK[cell.ink])):
        scene += mask[..., None] * (np.minimum(np.array(color, np.float32), 1) * PAPER[cell.paper][0] - scene)
    return 1 - scene if cell.light_on_dark else scene


def _seen(scene, box, cell, rng):
    """The box (left, top, right, bottom) of a scene (H, W, 3), turned, in perspective, lit, blurred; a JPEG's bytes."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    angle = np.deg2rad(rng.uniform(-cell.turned, cell.turned))
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corners = np.array([[left, top], [left, bottom], [right, bottom], [right, top]], float) - middle
    corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners += rng.uniform(-0.012, 0.012, corners.shape) * max(width, height) + middle
    picture = Image.fromarray(np.rint(255 * scene.clip(0, 1)).astype(np.uint8))
    quad = Image.Transform.QUAD, corners.ravel().tolist(), Image.Resampling.BICUBIC
    picture = picture.transform((width, height), *quad)
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.4))))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    way = rng.uniform(0, 2 * np.pi)
    along = np.cos(way) * (x / width - 0.5) + np.sin(way) * (y / height - 0.5) + 0.5
    seen = np.asarray(picture, np.float32) / 255 * (1 - cell.light * along.clip(0, 1))[..., None]
    if cell.shadow:
        seen *= 1 - cell.shadow / (1 + np.exp((rng.uniform(0.25, 0.75) - along) / 0.06))[..., None]
    seen += rng.normal(0, 0.015, seen.shape) + rng.normal(0, 0.01, seen.shape[:2])[..., None]
    return _jpeg(seen, int(rng.integers(60, 95)))


def _jpeg(seen, quality):
    stream = BytesIO()
    Image.fromarray(np.rint(255 * seen.clip(0, 1)).astype(np.uint8)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


# ---- a margin of another tone


@dataclass(frozen=True)
class Figure:
    """A digit's sheet in a margin: tones 0..1, and the margin in shares of the sheet; None is transparent."""

    ground: float = 0.0
    ink: float = 1.0
    margin: float | None = 1.0
    width: tuple[float, float] = (0.02, 0.35)
    frame: bool = False
    labels: bool = False
    blocks: bool = True
    colors: str | None = None
    jpeg: bool = False
    wide: bool = False


def figure(image, kind, rng):
    """The image in a margin, as the bytes of a PNG or JPEG."""
    size = int(rng.integers(150, 400))
    way = Image.Resampling.NEAREST if kind.blocks else Image.Resampling.BICUBIC
    sheet = np.asarray(Image.fromarray(image).resize((size, size), way), np.float32) / 255
    sheet = kind.ground + sheet * (kind.ink - kind.ground)
    margin = [max(1, round(size * rng.uniform(*kind.width))) for _ in range(4)]
    if kind.wide:
        margin[0] = margin[2] = round(0.36 * size)
    tone = 1.0 if kind.margin is None else kind.margin
    seen = np.pad(sheet, ((margin[1], margin[3]), (margin[0], margin[2])), constant_values=tone)
    top, left = margin[1], margin[0]
    mark = 0.0 if tone > 0.5 else 1.0
    if kind.frame:
        for rows, columns in ((top, slice(left, left + size)), (top + size - 1, slice(left, left + size))):
            seen[rows, columns] = mark
        seen[top : top + size, left] = seen[top : top + size, left + size - 1] = mark
    alpha = np.zeros(seen.shape, np.uint8) if kind.margin is None else np.full(seen.shape, 255, np.uint8)
    alpha[top : top + size, left : left + size] = 255
    picture = Image.fromarray(np.rint(255 * seen.clip(0, 1)).astype(np.uint8))
    if kind.labels:
        _label(picture, left, top, size, int(255 * mark))
    if kind.colors == "viridis":
        import matplotlib

        table = np.rint(255 * matplotlib.colormaps["viridis"](np.arange(256))[:, :3]).astype(np.uint8)
        colored = np.repeat(np.asarray(picture)[..., None], 3, axis=2)
        part = colored[top : top + size, left : left + size]
        part[:] = table[part[..., 0]]
        picture = Image.fromarray(colored)
    if kind.jpeg:
        return _jpeg(np.asarray(picture.convert("RGB"), np.float32) / 255, 80)
    picture = picture.convert("RGBA")
    picture.putalpha(Image.fromarray(alpha))
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _label(picture, left, top, size, mark):
    """Ticks and numbers as Matplotlib writes them beside the axes."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    for number in range(0, 28, 5):
        at = (number + 0.5) * size / 28
        draw.line([(left - 4, top + at), (left - 1, top + at)], fill=mark)
        draw.line([(left + at, top + size), (left + at, top + size + 3)], fill=mark)
        draw.text((left - 7, top + at), str(number), fill=mark, anchor="rm")
        draw.text((left + at, top + size + 6), str(number), fill=mark, anchor="mt")


# ---- kinds

DARK = Figure()
AXES = Figure(width=(0.15, 0.3), frame=True, labels=True)
KINDS: dict[str, Cell | Figure] = {
    "no line": Cell(),
    "sliver, one side": Cell(sides=("top",)),
    "sliver, left": Cell(sides=("left",)),
    "sliver, corner": Cell(sides=("left", "bottom")),
    "sliver, opposite sides": Cell(sides=("left", "right")),
    "sliver, three sides": Cell(sides=("left", "top", "right")),
    "sliver, four sides": Cell(sides=ALL),
    "thick, four sides": Cell(sides=ALL, thickness=0.14),
    "thick, corner": Cell(sides=("right", "bottom"), thickness=0.14),
    "thin, four sides": Cell(sides=ALL, thickness=0.02),
    "grey lines": Cell(sides=ALL, line="grey"),
    "blue lines": Cell(sides=ALL, line="blue"),
    "red lines": Cell(sides=ALL, line="red", ink="blue"),
    "faint lines": Cell(sides=ALL, line="faint", ink="pencil"),
    "line and paper beyond, one side": Cell(sides=("bottom",), beyond=0.12),
    "line and paper beyond, corner": Cell(sides=("left", "top"), beyond=0.12),
    "line and paper beyond, four sides": Cell(sides=ALL, beyond=0.12),
    "thin line and paper beyond": Cell(sides=ALL, beyond=0.12, thickness=0.02, line="grey"),
    "neighbours' ink beyond": Cell(sides=ALL, beyond=0.4, neighbors=True),
    "neighbours' ink, thin line": Cell(sides=ALL, beyond=0.4, neighbors=True, thickness=0.02, line="grey"),
    "neighbours' ink, no line": Cell(beyond=0.4, neighbors=True),
    "touches the line below": Cell(sides=("bottom",), touching="bottom"),
    "touches the line above": Cell(sides=ALL, touching="top"),
    "touches the line, paper beyond": Cell(sides=ALL, touching="left", beyond=0.12),
    "near the lines": Cell(sides=ALL, room=(0.02, 0.1)),
    "grey paper": Cell(sides=ALL, paper="grey"),
    "yellow paper, pencil": Cell(sides=ALL, paper="yellow", ink="pencil"),
    "small": Cell(sides=ALL, height=(30, 45)),
    "small, corner": Cell(sides=("left", "bottom"), height=(30, 45), thickness=0.08),
    "small, no line": Cell(height=(30, 45)),
    "large": Cell(sides=ALL, height=(250, 450)),
    "large, line and paper beyond": Cell(sides=ALL, height=(250, 450), beyond=0.12, thickness=0.02),
    "thin pen": Cell(sides=ALL, level=0.6),
    "thin pen, thick lines": Cell(sides=ALL, level=0.6, thickness=0.14),
    "thin pen, grey line and paper beyond": Cell(sides=ALL, level=0.6, beyond=0.12, line="grey", ink="blue"),
    "uneven light": Cell(sides=("left", "bottom"), light=0.5),
    "light on dark, four sides": Cell(sides=ALL, light_on_dark=True),
    "light on dark, corner": Cell(sides=("left", "bottom"), light_on_dark=True),
    "low resolution, four sides": Cell(sides=ALL, height=(16, 24), thickness=0.08),
    "low resolution, corner": Cell(sides=("left", "bottom"), height=(16, 24)),
    "thick lines and neighbours' ink, corner": Cell(("left", "top"), 0.2, beyond=0.4, neighbors=True),
    "shadow, pencil": Cell(sides=ALL, ink="pencil", shadow=0.35),
    "dark, white margin": DARK,
    "dark, thin white margin": replace(DARK, width=(0.005, 0.02)),
    "dark, grey margin": replace(DARK, margin=0.75, ground=0.15),
    "dark, mid-grey margin": replace(DARK, margin=0.5),
    "dark, transparent margin": replace(DARK, margin=None),
    "dark, smooth, JPEG": replace(DARK, blocks=False, jpeg=True),
    "dark, wide figure": replace(DARK, width=(0.1, 0.2), wide=True),
    "dark, axes": AXES,
    "dark, axes, JPEG": replace(AXES, jpeg=True),
    "viridis": replace(DARK, colors="viridis"),
    "viridis, axes": replace(AXES, colors="viridis"),
    "viridis, grey margin": replace(DARK, colors="viridis", margin=0.85),
    "light, dark margin": replace(DARK, ground=1.0, ink=0.0, margin=0.1),
    "light, grey margin": replace(DARK, ground=0.97, ink=0.1, margin=0.6),
    "light, transparent margin": replace(DARK, ground=0.97, ink=0.1, margin=None),
    "light, white margin, axes": replace(AXES, ground=1.0, ink=0.0),
    "light, frame alone": replace(DARK, ground=1.0, ink=0.0, frame=True),
}


def pictures(name, count, first=20_000):
    """``count`` pictures (bytes of a file, label) of a kind: the same for the same name, count and first image."""
    from nnscratch import load_mnist

    data, kind = load_mnist(), KINDS[name]
    rng = np.random.default_rng([first, *name.encode()])
    for number in range(first, first + count):
        image, label = data.train_images[number].reshape(28, 28), int(data.train_labels[number])
        if isinstance(kind, Cell):
            yield cell_photo(image, kind, rng, data.train_images[number + count].reshape(28, 28)), label
        else:
            yield figure(image, kind, rng), label


def main(count, only=""):
    from nnscratch import load_pretrained
    from nnscratch.pictures.preprocess import to_mnist
    from nnscratch.pictures.reading import read_image

    model = load_pretrained("lenet5")
    total = []
    for name in KINDS:
        if only not in name:
            continue
        right = sure = refused = 0
        for data, label in pictures(name, count):
            image = to_mnist(read_image(data))
            answer = None if image is None else model.read(image[None])[0]
            right += answer is not None and answer.digit == label
            sure += answer is not None and answer.digit != label and answer.verdict == "sure"
            refused += answer is None or answer.verdict == "not a digit"
        total.append(right)
        print(f"| {name} | {count} | {right / count:.1%} | {sure} | {refused} |", flush=True)
    print(f"| mean | | {np.mean(total) / count:.1%} |")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])

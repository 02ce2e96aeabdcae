"""Pictures as a phone takes them: pen on paper, with uneven light, a shadow, ruled or squared paper, noise."""

import numpy as np

from nnscratch.pictures.drawing import render

INKS = {"black": (0.12, 0.12, 0.14), "blue": (0.15, 0.2, 0.6), "red": (0.75, 0.15, 0.15), "green": (0.1, 0.45, 0.2)}


def photo(strokes, rng, *, size=(600, 480), pen=9.0, ink="blue", light=0.4, shadow=0.4, paper="blank", noise=0.02):
    """Return (H, W, 3) uint8: strokes in pixels of the picture, under light that falls off by ``light``.

    A shadow takes the share ``shadow`` of the light away, on one side of a slanting edge; ``paper`` is "blank",
    "ruled", "squared", or "framed".
    """
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    sheet = np.ones((height, width, 3), np.float32) * np.array([0.95, 0.94, 0.9], np.float32)
    lines = ruling(paper, height, width, rng)[..., None]
    sheet += lines * (np.array([0.55, 0.65, 0.85], np.float32) - sheet)
    mark = render(strokes, size, pen)[..., None]
    sheet += mark * (np.array(INKS[ink], np.float32) - sheet)
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)
    fall = 1 - light * (across + 0.5).clip(0, 1)
    edge = rng.uniform(-0.2, 0.2)
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5) - edge
    shade = 1 - shadow / (1 + np.exp(-side * 60))
    seen = sheet * (fall * shade)[..., None] + rng.normal(0, noise, sheet.shape)
    return np.rint(255 * np.clip(seen, 0, 1)).astype(np.uint8)


def ruling(paper, height, width, rng):
    """Return (H, W) float32, 1 on the lines."""
    lines = np.zeros((height, width), np.float32)
    if paper == "blank":
        return lines
    tilt, gap, first = rng.uniform(-0.04, 0.04), rng.uniform(55, 90), rng.uniform(10, 50)
    y, x = np.mgrid[:height, :width]
    if paper == "framed":
        for low, high, place in ((90, height - 90, x), (90, width - 90, y)):
            other = y if place is x else x
            inside = (other > low - 3) & (other < high + 3)
            for at in (90, (width if place is x else height) - 90):
                lines[inside & (np.abs(place - at) < 1.5)] = 1
        return lines
    lines[np.abs((y - tilt * x - first) % gap) < 2.2] = 1
    if paper == "squared":
        lines[np.abs((x + tilt * y - first) % gap) < 2.2] = 1
    return lines


def arc(cx, cy, rx, ry, start, stop, n=24):
    """Points of an ellipse from one angle to the other, in degrees, clockwise from the right."""
    t = np.deg2rad(np.linspace(start, stop, n))
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def line(*points):
    return np.array(points, float)


# Digits of 60 x 100, as strokes: what a pen does.
DIGITS = {
    0: [arc(30, 50, 30, 50, -90, 270)],
    1: [line((30, 0), (30, 100))],
    2: [np.concatenate([arc(30, 28, 28, 28, 190, 380), line((52, 45), (2, 100), (60, 100))])],
    3: [np.concatenate([arc(28, 26, 28, 26, 200, 450), arc(28, 74, 30, 26, -90, 160)])],
    4: [line((40, 0), (0, 65), (60, 65)), line((45, 30), (45, 100))],
    5: [np.concatenate([line((8, 4), (4, 45)), arc(28, 68, 30, 32, -130, 150)]), line((8, 2), (56, 0))],
    6: [np.concatenate([line((45, 0), (20, 30)), arc(30, 70, 28, 30, 180, 540)])],
    7: [line((0, 4), (60, 4), (25, 100))],
    8: [np.concatenate([arc(30, 25, 24, 25, 90, 450), arc(30, 75, 30, 25, -90, 270)])],
    9: [np.concatenate([arc(28, 28, 28, 28, 0, 360), line((56, 28), (50, 100))])],
}


def written(digits, left, top, size, gap=0.5):
    """Strokes of some digits side by side, each ``size`` high; ``gap`` between them, in heights."""
    return [
        stroke * (size / 100) + np.array([left + k * size * (0.6 + gap), top])
        for k, digit in enumerate(digits)
        for stroke in DIGITS[digit]
    ]

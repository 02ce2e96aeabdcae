"""Which distortions a training may show a digit in, and how strong; the mathematics is in ``ops/distort.py``."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError, is_whole, short_repr
from nnscratch.ops.distort import rng_streams

CHUNK = 100  # images at a time
MOST = {"rotation": 180.0, "stretch": 9.0, "shear": 9.0, "shift": 100.0, "elastic": 100.0, "thickness": 1.0}

KINDS = tuple(MOST)


@dataclass(frozen=True)
class Distortion:
    """The largest of each; all are drawn anew for every image in every epoch, uniformly, and together.

    rotation: degrees, either way. stretch: 0.15 makes each axis up to 1.15 times as long, or as short. shear: columns
    for each row. shift: pixels, each axis. elastic: root mean square of a smooth random field of displacements, in
    pixels. thickness: 0..1, how far strokes may go to being a pixel thicker or thinner on each side.

    Raises UsageError for what is out of range.
    """

    rotation: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    thickness: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), MOST[field.name]
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= most:
                raise UsageError(
                    f"the distortion's {field.name} is {short_repr(value)}: give a number from 0 to {most:g}"
                )

    def __bool__(self) -> bool:
        """True if it changes anything."""
        return any(astuple(self))

    @property
    def strengths(self) -> Array:
        """The six as float64, for ``ops.distort_batch``."""
        return np.array(astuple(self), np.float64)

    def apply(self, images: Array, *, seed: int = 0, epoch: int = 0) -> Array:
        """Return distorted copies of images (N, H, W) uint8, as such: other ones for another seed or epoch.

        Raises UsageError for images of another shape or type, or a seed or epoch that is no whole number.
        """
        images = as_array(images, "images")
        if images.ndim != 3 or images.dtype != np.uint8:
            raise UsageError(f"images are {images.dtype} {images.shape}: give uint8 (N, H, W)")
        for what, number in (("seed", seed), ("epoch", epoch)):
            if not is_whole(number, 0):
                raise UsageError(f"the {what} is {short_repr(number)}: give a whole number of at least 0")
        return self.copies(images, rng_streams(seed, epoch, np.arange(len(images))))

    def copies(self, images: Array, rng_streams: Array) -> Array:
        """Return distorted copies of images (N, H, W) uint8, each with the random numbers of its stream, (N,)."""
        copies, how = np.empty(images.shape, np.uint8), self.strengths
        for start in range(0, len(images), CHUNK):
            some = np.minimum(np.arange(start, start + CHUNK), len(images) - 1)  # the last one fills the chunk up
            x = ops.distort_batch(
                images[:, None], some, rng_streams[some], how, scale=1, shift=0, dtype=np.float32, by_image=True
            )
            copies[some] = np.rint(x[0].transpose(2, 0, 1))
        return copies

"""Reading picture files: any PNG, JPEG, GIF, BMP or WebP as an array of grey values.

Files come from strangers, so sizes are checked before anything is decoded, and every failure is a DataError.
Pillow decodes; it is imported here and nowhere else.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.neighborhoods import edge

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000  # four bytes each, once they are decoded
MAX_PIXELS_OF = {"WebP": 16_000_000}  # its decoder holds each several times
MAX_SCANS = 100  # of a JPEG; encoders make some ten
MAX_SCANNED = 500_000_000  # pixels in all scans: each goes through all of them again
WORKING_SIDE = 1000  # larger pictures are reduced: a digit ends at 20 pixels
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")

# The class is chosen by the file's first bytes, not by Image.open: that one complains of large pictures
# by a warning or an error of its own, before their size can be asked.
READERS: dict[str, tuple[bytes, type[ImageFile.ImageFile]]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n", PngImageFile),
    "JPEG": (b"\xff\xd8\xff", JpegImageFile),
    "GIF": (b"GIF8", GifImageFile),
    "BMP": (b"BM", BmpImageFile),
    "WebP": (b"RIFF", WebPImageFile),
}

ORIENTATION = 0x0112  # of EXIF: 1 is upright, from 5 on width and height change over

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
MORE = 1.25  # times the luminance's spread: a band with more is taken instead

_quiet = threading.Lock()  # warnings.catch_warnings belongs to the process: one thread at a time


@dataclass(frozen=True)
class Picture:
    """A picture as it was read: grey values (H, W) float32, and the width and height in pixels that its file has."""

    gray: Array
    width: int
    height: int


def read_image(source: str | Path | bytes | BinaryIO, *, name: str | None = None) -> Array:
    """The grey values (H, W) of :func:`read_picture`, which says what is read and raised."""
    return read_picture(source, name=name).gray


def read_picture(source: str | Path | bytes | BinaryIO, *, name: str | None = None) -> Picture:
    """The picture with (H, W) float32 grey values, 0 black to 1 white, upright, at most 1,000 pixels a side.

    ``source`` is a path, the bytes of a file or an open binary stream; ``name`` is what errors call it.
    Colours become their luminance, or where red, green or blue alone tells more (yellow ink on white), that one. A
    transparent picture lies on white if its strokes are dark, on black if they are light. Of an animation the first
    frame is read. Larger pictures are reduced by area averaging.

    Raises DataError when the file cannot be read, is larger than 64 MiB or 50 million pixels (WebP: 16
    million), is truncated or damaged, a JPEG of very many scans, or is not PNG, JPEG, GIF, BMP or WebP.
    """
    name = name or _name_of(source)
    return _with_reader(_read_bytes(source, name), name, _decode)


Result = TypeVar("Result")


def _with_reader(data: bytes, name: str, use: Callable[[str, bytes, str], Result]) -> Result:
    """What ``use`` makes of the bytes of a file of a kind; whatever it raises becomes a DataError."""
    if not data:
        raise DataError(f"{name} is empty: a picture was expected.")
    kind = next((k for k, (magic, _) in READERS.items() if data.startswith(magic)), None)
    if kind is None or (kind == "WebP" and data[8:12] != b"WEBP"):
        raise DataError(f"{name} is not a picture of a kind that is read: PNG, JPEG, GIF, BMP or WebP.")
    try:
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return use(kind, data, name)
    except DataError:
        raise
    except Image.DecompressionBombError as error:  # GIF and WebP ask Pillow's limit, which is above ours
        raise DataError(f"{name} is too large: the limit is {MAX_PIXELS:,} pixels in all.") from error
    except MemoryError as error:
        raise DataError(f"{name} needs more memory than there is: make the picture smaller.") from error
    except Exception as error:  # damaged files make Pillow raise nearly every built-in exception
        raise DataError(f"{name} cannot be read as {kind}: the file is truncated or damaged.") from error


def picture_size(data: bytes, *, name: str) -> tuple[int, int]:
    """The width and height of a picture in a file's bytes, before anything of it is decoded.

    Raises DataError as :func:`read_picture` does.
    """
    return _with_reader(data, name, _size)


def _size(kind: str, data: bytes, name: str) -> tuple[int, int]:
    with READERS[kind][1](BytesIO(data)) as image:
        return image.size


def find_images(path: str | Path) -> list[Path]:
    """The file ``path`` itself, or the picture files in the folder ``path``: by suffix, sorted, no subfolders.

    Raises DataError when there is no such path, no permission, or no picture in the folder.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            path.stat()  # raises when missing
            return [path]
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    except (OSError, ValueError) as error:
        raise DataError(_why_not(error, str(path))) from error
    found = [p for p in found if not p.name.startswith(".")]
    if not found:
        raise DataError(f"{path} holds no picture: files ending in {', '.join(SUFFIXES)} are read.")
    return found


def _name_of(source: str | Path | bytes | BinaryIO) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return "stdin" if getattr(source, "name", None) == "<stdin>" else "The picture"


def _read_bytes(source: str | Path | bytes | BinaryIO, name: str) -> bytes:
    """The whole file; a DataError when it is larger than the limit, before it is read where that is known."""
    try:
        if isinstance(source, str | Path):
            path = Path(source)
            if path.exists() and not path.is_file() and not path.is_dir():
                raise DataError(f"{name} is a device or a pipe, but a plain file is wanted; for a pipe give -")
            if path.stat().st_size > MAX_BYTES:
                raise DataError(_too_many_bytes(name))
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        elif isinstance(source, bytes):
            data = source
        else:
            data = source.read(MAX_BYTES + 1)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(_why_not(error, name)) from error
    if len(data) > MAX_BYTES:
        raise DataError(_too_many_bytes(name))
    return data


def _too_many_bytes(name: str) -> str:
    return f"{name} is larger than {MAX_BYTES // 2**20} MiB, the limit for a picture file."


def _why_not(error: Exception, name: str) -> str:
    """One sentence for a file that could not be opened."""
    match error:
        case FileNotFoundError():
            return f"{name} does not exist: give the path of a picture."
        case IsADirectoryError():
            return f"{name} is a folder: give the path of a picture."
        case PermissionError():
            return f"{name} may not be read: permission denied."
        case OSError():
            return f"{name} cannot be read: {error.strerror or error}."
        case _:
            return f"{name} cannot be read: {error}."


def _decode(kind: str, data: bytes, name: str) -> Picture:
    """The bytes of one picture decoded; may raise whatever Pillow raises."""
    with READERS[kind][1](BytesIO(data)) as image:
        width, height = image.size
        most = MAX_PIXELS_OF.get(kind, MAX_PIXELS)
        if width * height > most:
            raise DataError(f"{name} is {width:,} x {height:,} pixels; the limit is {most:,} in all.")
        if kind == "JPEG":
            _check_scans(data, width * height, name)
        longer = max(width, height)
        if longer > WORKING_SIDE:  # JPEG decodes straight to a half, a quarter or an eighth
            wanted = [max(1, side * WORKING_SIDE // longer) for side in image.size]
            image.draft(None, (wanted[0], wanted[1]))
        image.load()
        orientation = _orientation(image)
        gray = _gray(image)
    if not 2 <= orientation <= 8:
        return Picture(gray, width, height)
    small = Image.fromarray(gray)
    small.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(small))
    return Picture(upright, *((height, width) if orientation >= 5 else (width, height)))


def _check_scans(data: bytes, pixels: int, name: str) -> None:
    """Raise DataError for a JPEG that goes through its pixels more often than encoders let it: it takes minutes."""
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS or (scans > 20 and scans * pixels > MAX_SCANNED):
        raise DataError(f"{name} is a JPEG of {scans:,} scans: save it again in a usual way.")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged EXIF block does not spoil the picture
        return 1


def _gray(image: Image.Image) -> Array:
    """(H, W) float32 0..1 from an image of any mode, reduced and laid on a background."""
    transparent = "transparency" in image.info
    if image.mode.startswith("I"):  # 16 bits: convert("L") would clip them
        gray = _reduced(image, "I") / 65535
        return _on_background(gray, _opaque(image)) if transparent else gray
    if not transparent and image.mode not in ("LA", "PA", "La", "RGBA", "RGBa"):
        return _reduced(image, "L") / 255 if image.mode in ("1", "L") else _of_color(image)
    gray_alpha = _reduced(image, "RGBA", "LA") / 255
    return _on_background(gray_alpha[..., 0], gray_alpha[..., 1])


def _of_color(image: Image.Image) -> Array:
    """(H, W) float32 0..1: the luminance, or the one of red, green and blue that varies clearly more."""
    bands = _reduced(image, "RGB") / 255
    luminance = np.asarray(bands @ np.array(LUMINANCE, np.float32))
    spreads = bands.std(axis=(0, 1), dtype=np.float64)
    strongest = int(spreads.argmax())
    if spreads[strongest] > MORE * luminance.std(dtype=np.float64):
        return np.ascontiguousarray(bands[..., strongest])
    return luminance


def _reduced(image: Image.Image, mode: str, then: str | None = None) -> Array:
    """The image in a mode, as float32, its longer side at most 1,000 pixels, each the mean of a block.

    ``then`` is the mode of the result, if it is another one.
    """
    factor = -(-max(image.size) // WORKING_SIDE)
    parts = (part.convert(mode) for part in _strips(image, factor))
    small = [part.reduce(factor) if factor > 1 else part for part in parts]
    return np.concatenate([np.asarray(part.convert(then) if then else part, dtype=np.float32) for part in small])


def _opaque(image: Image.Image) -> Array:
    """(H, W) float32 0..1, reduced: the share of each block that has not the one transparent grey value of 16 bits."""
    factor = -(-max(image.size) // WORKING_SIDE)
    shares = []
    for part in _strips(image, factor):
        mask = Image.fromarray(np.uint8(255) * (np.asarray(part) != image.info["transparency"]))
        shares.append(np.asarray(mask.reduce(factor) if factor > 1 else mask, dtype=np.float32) / 255)
    return np.concatenate(shares)


def _strips(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """The image in strips of whole blocks' height: a large one is not held twice, in two modes."""
    width, height = image.size
    step = height if factor == 1 else 100 * factor
    for top in range(0, height, step):
        yield image.crop((0, top, width, min(top + step, height)))


def _on_background(gray: Array, alpha: Array) -> Array:
    """Grey values laid on the background that shows the ink; ``gray`` and ``alpha`` are (H, W) float32 0..1.

    White under dark ink, black under light ink. Where most of the border is opaque the picture is a sheet with
    holes, rounded corners say, and these take the sheet's own tone.
    """
    sheet = bool(np.median(edge(alpha)) > 0.5)
    tone = _mean(edge(gray), edge(alpha)) if sheet else float(_mean(gray, alpha) < 0.5)
    return np.asarray(gray * alpha + tone * (1 - alpha), dtype=np.float32)


def _mean(gray: Array, alpha: Array) -> float:
    """The mean grey value, weighted by opacity; 0 when nothing is opaque."""
    return float((gray * alpha).sum() / max(float(alpha.sum()), 1e-6))

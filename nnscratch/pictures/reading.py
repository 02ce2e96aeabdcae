"""Reading picture files: any PNG, JPEG, GIF, BMP, WebP or TIFF as an array of grey values.

Files come from strangers, so sizes are checked before anything is decoded, and every failure is a DataError.
Pillow decodes.
"""

import threading
import warnings
from collections.abc import Callable
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
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nnscratch.arrays import Array
from nnscratch.errors import DataError, is_address
from nnscratch.pictures.modes import WORKING_SIDE, to_gray

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000  # four bytes each, once they are decoded
MAX_PIXELS_OF = {"WebP": 16_000_000}  # its decoder holds each several times
MAX_SCANS = 100  # of a JPEG; encoders make some ten
MAX_SCANNED = 500_000_000  # pixels in all scans: each goes through all of them again
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")

# The class is chosen by the file's first bytes, not by Image.open: that one complains of large pictures
# by a warning or an error of its own, before their size can be asked.
READERS: dict[str, tuple[bytes | tuple[bytes, ...], type[ImageFile.ImageFile]]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n", PngImageFile),
    "JPEG": (b"\xff\xd8\xff", JpegImageFile),
    "GIF": (b"GIF8", GifImageFile),
    "BMP": (b"BM", BmpImageFile),
    "WebP": (b"RIFF", WebPImageFile),
    "TIFF": ((b"II*\0", b"MM\0*"), TiffImageFile),
}
OTHERS = {  # what people bring that is not read, by how it begins or what stands at its byte 4
    "a HEIC or HEIF": (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"),
    "an AVIF": (b"ftypavi",),
    "a PDF": (b"%PDF",),
    "an SVG": (b"<svg", b"<?xml", b"\xef\xbb\xbf<svg", b"\xef\xbb\xbf<?xml"),
}
KINDS = "PNG, JPEG, GIF, BMP, WebP or TIFF"
FRAMES = 50  # looked at for one that is not blank

ORIENTATION = 0x0112  # of EXIF: 1 is upright, from 5 on width and height change over

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
    transparent picture lies on white if its strokes are dark, on black if they are light. Of an animation, or of
    several pages, the first that is not blank is read. 16 bits that use 0 to 4095 alone are taken for 12. Larger
    pictures are reduced by area averaging.

    Raises DataError when the file cannot be read, is larger than 64 MiB or 50 million pixels (WebP: 16
    million), is truncated or damaged, a JPEG of very many scans, or is not PNG, JPEG, GIF, BMP, WebP or
    TIFF.
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
        raise _other_kind(data, name)
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


def _other_kind(data: bytes, name: str) -> DataError:
    """The error for a file of a kind that is not read."""
    for kind, starts in OTHERS.items():
        if data.lstrip().startswith(starts) or data[4:].startswith(starts):
            return DataError(f"{name} is {kind} file, which is not read: save or export it as PNG or JPEG.")
    return DataError(f"{name} is not a picture of a kind that is read: {KINDS}.")


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
    if path == "":
        raise DataError("The path is empty: give the path of a picture, or . for the folder that you are in.")
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
        case FileNotFoundError() if is_address(name):
            return f"{name} is a web address: download the picture, and give its path."
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
        gray = _first_with_ink(image, most)
    if not 2 <= orientation <= 8:
        return Picture(gray, width, height)
    small = Image.fromarray(gray)
    small.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(small))
    return Picture(upright, *((height, width) if orientation >= 5 else (width, height)))


def _first_with_ink(image: Image.Image, most: int) -> Array:
    """The grey values of the first frame or page that is not of one tone; of the first, where all are.

    Only as many are looked at as have ``most`` pixels together.
    """
    first = gray = to_gray(image)
    size = image.size
    for frame in range(1, min(FRAMES, most // max(size[0] * size[1], 1))):
        if gray.min() < gray.max() or not getattr(image, "is_animated", False):
            return gray
        try:
            image.seek(frame)
            if image.size != size:  # a page of another size: its limits were not checked
                return first
            image.load()
            gray = to_gray(image)
        except Exception:  # the last frame, or a damaged one
            return first
    return gray if gray.min() < gray.max() else first


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

"""Fuzz target of pictures: a sample of every format and kind that is read, and mutants that get past its checksums."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

import nnscratch as nn
from benchmarks.robustness.fuzzing.guard import Attack, command
from benchmarks.robustness.fuzzing.mutate import number, spoiled
from nnscratch.pictures.preprocess import to_mnist
from nnscratch.pictures.reading import read_image
from nnscratch.pictures.segments import segments

MAGIC = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's colour types
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
SUFFIX = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "BMP": "bmp", "WEBP": "webp"}
JUNK = {b"tRNS": bytes(6), b"eXIf": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", b"acTL": bytes(8)}
JUNK |= {b"zTXt": b"a\0\0" + zlib.compress(bytes(3_000_000)), b"iCCP": b"a\0\0" + zlib.compress(bytes(500_000))}
JUNK |= {b"tEXt": b"a\0b", b"gAMA": bytes(4), b"fcTL": bytes(26), b"PLTE": bytes(30), b"iTXt": b"a\0\1\0\0\0", b"": b""}


@cache
def samples() -> dict[str, bytes]:
    """Return a small valid file of each kind."""
    digit = Image.fromarray(255 - nn.load_mnist().test_images[3]).resize((40, 33))
    color = digit.convert("RGB")
    clear = digit.convert("RGBA")
    clear.putalpha(digit.point(lambda value: 255 - value))
    palette, frames = color.quantize(8), [color, color.rotate(90)]
    exif = Image.Exif()
    exif[0x0112] = 6
    made = {f"PNG {m}": saved(digit.convert(m), "PNG") for m in ("1", "L", "LA", "RGB", "RGBA")}
    made |= {f"PNG {d}-bit {c} {i}": png(40, 33, d, c, i) for d, c in ((16, 0), (16, 2), (16, 4), (16, 6), (4, 3), (1, 0)) for i in (0, 1)}  # fmt: skip  # noqa: E501
    made |= {"PNG P": saved(palette, "PNG"), "PNG P clear": saved(palette, "PNG", transparency=b"\0\x80\xff")}
    made |= {"APNG": saved(frames[0], "PNG", save_all=True, append_images=frames[1:])}
    made |= {"JPEG": saved(color, "JPEG"), "JPEG L": saved(digit, "JPEG"), "JPEG turned": saved(color, "JPEG", exif=exif)}  # fmt: skip  # noqa: E501
    made |= {"JPEG progressive": saved(color, "JPEG", progressive=True), "JPEG CMYK": saved(color.convert("CMYK"), "JPEG")}  # fmt: skip  # noqa: E501
    made |= {f"BMP {m}": saved(digit.convert(m), "BMP") for m in ("1", "L", "RGB", "RGBA")} | {"BMP RLE": rle()}
    made |= {"GIF": saved(digit, "GIF"), "GIF clear": saved(palette, "GIF", transparency=1)}
    made |= {"GIF moving": saved(frames[0], "GIF", save_all=True, append_images=frames[1:], interlace=1)}
    made |= {"WEBP": saved(color, "WEBP"), "WEBP lossless": saved(clear, "WEBP", lossless=True)}
    made |= {"WEBP clear": saved(clear, "WEBP"), "WEBP moving": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])}  # fmt: skip  # noqa: E501
    return made


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG, with the right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color: int, interlaced: int, value: int | None = None) -> bytes:
    """Return a PNG of any depth, colour type and interlacing: stripes, or ``value`` everywhere."""
    packer, bits = zlib.compressobj(1), depth * CHANNELS[color]
    packed = b""
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        row = b"\0" + (b"\x0f\xf0" if value is None else bytes([value] * 2)) * (-(-columns * bits // 8) // 2 + 1)
        packed += b"".join(packer.compress(row[: 1 + -(-columns * bits // 8)]) for _ in range(rows))
    told = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    plte = chunk(b"PLTE", bytes(range(48))) if color == 3 else b""
    return MAGIC + chunk(b"IHDR", told) + plte + chunk(b"IDAT", packed + packer.flush()) + chunk(b"IEND", b"")


def rle() -> bytes:
    """Return a BMP with run lengths, 8 x 4."""
    data = b"\x08\x01\0\0" + b"\x04\0\x04\x01\0\0" + b"\0\x04\1\0\1\0\x04\1\0\0" + b"\x08\0\0\0" + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, 8, 1, len(data), 0, 0, 2, 0) + b"\0\0\0\0\xff\xff\xff\0"
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


# ---- mutants that know the format


def spoiled_png(rng: Random, data: bytes) -> bytes:
    """Return a PNG whose chunks are changed, doubled, left out or in another order; checksums are right."""
    chunks, at = [], 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    for _ in range(rng.randint(1, 2)):
        place, kind = rng.randrange(len(chunks)), rng.randrange(7)
        name, body = chunks[place]
        if kind == 0 or not body:
            chunks.insert(place, rng.choice([*JUNK.items(), *chunks]))
        elif kind == 1:
            del chunks[place]
        elif kind == 2 and name == b"IDAT":
            with contextlib.suppress(zlib.error):  # spoiled already
                body = zlib.decompressobj().decompress(body, 10**6)
            chunks[place] = name, zlib.compress(spoiled(rng, body))
        elif kind == 3 and name == b"IHDR":
            fields = list(struct.unpack(">IIBBBBB", body[:13].ljust(13, b"\0")))
            which = rng.randrange(7)
            fields[which] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16)) if which > 1 else rng.choice((0, 1, 7, 41, 4000, 2**31 - 1))  # fmt: skip  # noqa: E501
            chunks[place] = name, struct.pack(">IIBBBBB", *fields)
        elif kind == 4:
            rng.shuffle(chunks)
        else:
            chunks[place] = name, spoiled(rng, body, times=1)
        chunks = chunks or [(b"IEND", b"")]
    return MAGIC + b"".join(chunk(name[:4].ljust(4), body) for name, body in chunks)


def spoiled_jpeg(rng: Random, data: bytes) -> bytes:
    """Return a JPEG with a segment changed, doubled or left out, or its scans repeated."""
    parts, at = [], 2
    while data[at : at + 1] == b"\xff" and data[at : at + 2] != b"\xff\xda" and at + 4 < len(data):
        size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at : at + size])
        at += size
    scan, place = data[at:], rng.randrange(max(len(parts), 1))
    kind = rng.randrange(6)
    if kind == 0:
        scan = scan[:-2] * rng.choice((2, 30, 2000)) + scan[-2:]
    elif kind == 1:
        scan = scan[:4] + spoiled(rng, scan[4:])
    elif kind == 2 and parts:
        del parts[place]
    elif kind == 3 and parts:
        parts.insert(place, rng.choice(parts))
    elif parts:
        parts[place] = parts[place][:4] + spoiled(rng, parts[place][4:], times=1)
        if rng.random() < 0.7:
            parts[place] = parts[place][:2] + min(len(parts[place]) - 2, 65535).to_bytes(2, "big") + parts[place][4:]
    return data[:2] + b"".join(parts) + scan


def spoiled_riff(rng: Random, data: bytes) -> bytes:
    """Return a WebP with one chunk spoiled, and right sizes."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    place, kind = rng.randrange(len(chunks)), rng.randrange(4)
    if kind == 0:
        chunks.insert(place, rng.choice(chunks))
    elif kind == 1 and len(chunks) > 1:
        del chunks[place]
    else:
        chunks[place] = chunks[place][0], spoiled(rng, chunks[place][1], times=1)
    body = b"".join(n + len(d).to_bytes(4, "little") + d + b"\0" * (len(d) % 2) for n, d in chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def spoiled_head(rng: Random, data: bytes) -> bytes:
    """Return a BMP or GIF with a field of its header set to an extreme."""
    at, size = rng.randrange(2, min(54, len(data))), rng.choice((1, 2, 4))
    return data[:at] + number(rng, size, "little") + data[at + size :]


KNOWING: dict[str, Callable[[Random, bytes], bytes]] = {
    "PNG": spoiled_png, "APNG": spoiled_png, "JPEG": spoiled_jpeg, "WEBP": spoiled_riff,
    "BMP": spoiled_head, "GIF": spoiled_head,
}  # fmt: skip


def bomb(rng: Random) -> bytes:
    """Return a picture that is small as a file and large in memory, or long to decode."""
    side = rng.choice((3000, 5000, 7000, 7900, 9000, 30_000))
    kind = rng.choice(("PNG", "PNG", "WEBP", "GIF", "JPEG", "scans"))
    if kind == "PNG":
        depth, color = rng.choice(((8, 0), (8, 2), (8, 6), (8, 4), (16, 0), (16, 2), (16, 6), (8, 3), (1, 0)))
        return png(min(side, 9000), min(side, 9000), depth, color, rng.randrange(2), 0)
    if kind == "scans":
        data = saved(Image.new("RGB", (min(side, 3000), 2000)), "JPEG", progressive=True, subsampling=0)
        last = data.rindex(b"\xff\xda")
        return data[:-2] + data[last:-2] * rng.choice((20, 90, 500, 5000)) + data[-2:]
    options = {"method": 0, "lossless": rng.random() < 0.5} if kind == "WEBP" else {}
    options |= {"progressive": rng.random() < 0.5, "subsampling": 0} if kind == "JPEG" else {}
    return saved(Image.new("RGB" if kind != "GIF" else "L", (min(side, 9000 if kind != "WEBP" else 7900),) * 2), kind, **options)  # fmt: skip  # noqa: E501


def spoiled_picture(rng: Random) -> tuple[str, bytes]:
    """Return a mutant's kind and bytes: three of four know the format."""
    name = rng.choice(list(samples()))
    data, kind = samples()[name], name.split()[0]
    knows = rng.random() < 0.7
    data = KNOWING[kind](rng, data) if knows else spoiled(rng, data, rng.choice(list(samples().values())))
    return kind.replace("APNG", "PNG"), data


def pictures(rng: Random, folder: Path) -> Attack:
    """Read a mutant, make it a digit, at times several; now and then by the whole command."""
    if rng.random() < 0.01:
        kind, data = "PNG", bomb(rng)
    else:
        kind, data = spoiled_picture(rng)
    path = folder / f"picture.{SUFFIX[kind]}"
    path.write_bytes(data)
    way = rng.random()
    if way < 0.02:
        more = rng.choice(([], ["--json"], ["--multi", "--show", "out.png"], ["--stages", "out.png"], ["--multi"]))
        return lambda: command("predict", path, "--model", "logistic", *more)

    def attack() -> None:
        gray = read_image(path)
        assert gray.dtype == np.float32 and gray.ndim == 2 and gray.size
        assert 0 <= gray.min() <= gray.max() <= 1
        to_mnist(gray)
        if way < 0.3:
            segments(gray)

    return attack

"""Reading pictures: every format and mode, transparency, turning, limits, and files that are broken."""

import io
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import JpegImageFile

from nnscratch.errors import DataError
from nnscratch.pictures.modes import to_gray
from nnscratch.pictures.preprocess import to_mnist
from nnscratch.pictures.reading import MAX_BYTES, MAX_PIXELS, find_images, read_image

ORIENTATION = 0x0112


def seven(ink=0, paper=255, size=(120, 90)):
    """A 7, left of the middle: an L image."""
    image = Image.new("L", size, paper)
    draw = ImageDraw.Draw(image)
    draw.line([(20, 20), (60, 20), (35, 75)], fill=ink, width=9, joint="curve")
    return image


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def strokes(color, mode="RGBA"):
    """The 7 in one colour on full transparency, whose own colour is the ink's opposite or the same."""
    image = Image.new("RGBA", (120, 90), (*color, 0))
    image.putalpha(seven(255, 0))
    return image.convert(mode)


def assert_same_digit(data):
    """The mean difference is small at the best shift of at most one pixel: rounding the centre may move it."""
    digit = to_mnist(read_image(data))
    assert digit is not None
    expected = to_mnist(np.asarray(seven())).astype(float)
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert min(np.abs(np.roll(digit, by, (0, 1)) - expected).mean() for by in shifts) < 5


def png(width, height, bit_depth=1, color=0):
    """A PNG of blank rows, written by hand: as small as a bomb is."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


# Formats and colour modes


MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["1", "L", "RGB", "CMYK", "YCbCr"],
    "GIF": ["1", "L", "P", "RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "WEBP": ["L", "P", "RGB", "RGBA"],
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_format_and_mode_gives_the_same_digit(kind, mode):
    wide = Image.fromarray(np.asarray(seven(), np.uint16) * 257)
    image = wide if mode == "I;16" else seven().convert("RGB").convert(mode)
    data = saved(image, kind)
    gray = read_image(data)
    assert gray.dtype == np.float32 and gray.shape == (90, 120)
    assert gray.min() >= 0 and gray.max() <= 1
    assert_same_digit(data)
    np.testing.assert_allclose(gray, np.asarray(seven()) / 255, atol=0.2)
    if kind in ("PNG", "BMP"):
        np.testing.assert_allclose(gray, np.asarray(seven()) / 255, atol=1.01 / 255)


@pytest.mark.parametrize("color", [(0, 0, 0), (200, 0, 0), (0, 0, 255), (0, 110, 30)])
def test_colours_become_luminance(color):
    image = Image.new("RGB", (4, 3), color)
    luminance = np.dot(color, [0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(read_image(saved(image, "PNG")), luminance, atol=0.005)


def test_sixteen_bits_are_scaled_not_clipped():
    levels = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    gray = read_image(saved(Image.fromarray(levels), "PNG"))
    np.testing.assert_allclose(gray, levels / 65535, atol=1e-5)
    large = np.repeat(np.repeat(levels, 100, axis=0), 100, axis=1)
    np.testing.assert_allclose(read_image(saved(Image.fromarray(large), "PNG"))[::50, ::50], levels / 65535, atol=1e-4)


def test_sixteen_bits_as_older_pillows_hold_them():
    levels = np.array([[0, 65535], [32768, 257]])
    np.testing.assert_allclose(to_gray(Image.fromarray(levels.astype(np.int32))), levels / 65535, atol=1e-6)


def test_the_first_frame_of_an_animation_is_read():
    frames = [seven(), seven().rotate(90), seven(255)]
    for kind in ("GIF", "PNG", "WEBP"):
        assert_same_digit(saved(frames[0], kind, save_all=True, append_images=frames[1:]))


# Transparency


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize(("color", "background"), [((0, 0, 0), 1.0), ((255, 255, 255), 0.0), ((0, 0, 200), 1.0)])
def test_transparent_paper_contrasts_with_the_ink(kind, mode, color, background):
    data = saved(strokes(color, mode), kind, **({"lossless": True} if kind == "WEBP" else {}))
    gray = read_image(data)
    assert gray[0, 0] == background and gray[-1, -1] == background
    assert_same_digit(data)


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour(kind, ink):
    image = Image.new("P", (120, 90), 1)
    image.putpalette([ink, ink, ink, 128, 128, 128])
    image.paste(0, (0, 0), seven(255, 0).point(lambda v: v > 127 and 255).convert("1"))
    gray = read_image(saved(image, kind, transparency=1))
    assert gray[0, 0] == (1 if ink == 0 else 0)
    assert_same_digit(saved(image, kind, transparency=1))


@pytest.mark.parametrize(("mode", "transparency"), [("L", 255), ("RGB", (255, 255, 255)), ("1", 255)])
def test_a_transparent_colour_without_palette(mode, transparency):
    """White is transparent, so that only the dark strokes are opaque: they lie on white again."""
    data = saved(seven().convert(mode), "PNG", transparency=transparency)
    assert read_image(data)[0, 0] == 1
    assert_same_digit(data)


def test_a_transparent_level_of_sixteen_bits():
    image = Image.fromarray(np.asarray(seven(255, 0), np.uint16) * 257)  # light ink on black, black transparent
    image.info["transparency"] = 0
    np.testing.assert_allclose(to_gray(image), np.asarray(seven(255, 0)) / 255, atol=0.005)
    image.info["transparency"] = 65535  # black paper, the ink is a hole: the sheet's own tone fills it
    assert to_gray(image).max() == 0


def test_half_transparent_ink_is_mixed():
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 128), (5, 5, 9, 15))
    gray = read_image(saved(image, "PNG"))
    assert gray[7, 7] == pytest.approx(1 - 128 / 255, abs=0.01)


@pytest.mark.parametrize("color", [(0, 0, 0, 0), (255, 255, 255, 0), (90, 10, 70, 0)])
def test_full_transparency_is_blank(color):
    gray = read_image(saved(Image.new("RGBA", (50, 40), color), "PNG"))
    assert np.ptp(gray) == 0
    assert to_mnist(gray) is None


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_a_sheet_with_round_corners_gets_its_own_tone_there(ink, paper):
    sheet = seven(ink, paper).convert("RGBA")
    mask = Image.new("L", sheet.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 119, 89), 14, fill=255)
    sheet.putalpha(mask)
    data = saved(sheet, "PNG")
    assert_same_digit(data)


# Turning and size


TURNED = [(turn, (120, 90), kind) for turn in range(1, 9) for kind in ("JPEG", "PNG", "WEBP")]


@pytest.mark.parametrize(("orientation", "size", "kind"), [*TURNED, (6, (2400, 1800), "JPEG")])
def test_exif_orientation_is_obeyed(orientation, size, kind):
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = seven().resize(size)
    stored = image.transpose(back[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(stored, kind, exif=exif)
    gray = read_image(data)
    assert gray.shape[1] > gray.shape[0]
    assert_same_digit(data)


def test_a_damaged_exif_block_does_not_spoil_the_picture():
    for exif in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01"):
        for kind in ("JPEG", "PNG", "WEBP"):
            assert_same_digit(saved(seven(), kind, exif=exif))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("BMP", "L"),
    ],
)
def test_large_pictures_are_reduced_by_averaging(kind, mode):
    image = seven().resize((2400, 1800)).convert("RGB").convert(mode)
    gray = read_image(saved(image, kind))
    assert gray.shape == ((450, 600) if kind == "JPEG" else (600, 800))  # by 2 x 2, or by 3
    assert_same_digit(saved(image, kind))
    small = np.asarray(seven().resize(gray.shape[::-1]), float) / 255
    assert np.abs(gray - small).mean() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3000, 1), (2, 2500), (1000, 1000), (1001, 5)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_odd_sizes(kind, size):
    gray = read_image(saved(Image.new("L", size, 77), kind))
    assert max(gray.shape) <= 1000
    np.testing.assert_allclose(gray, 77 / 255, atol=0.01)


@pytest.mark.parametrize("size", [(30_000, 30_000), (8001, 8000), (2_000_000_000, 3)])
def test_a_bomb_is_refused_by_its_size(size, tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size))
    with pytest.raises(DataError) as refused:
        read_image(path)
    assert f"{size[0]:,} x {size[1]:,}" in str(refused.value)
    assert "bomb.png" in str(refused.value) and f"{MAX_PIXELS:,}" in str(refused.value)
    assert before == Image.MAX_IMAGE_PIXELS


def test_bombs_of_other_formats_are_refused():
    bmp = bytearray(saved(seven(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 40_000, 40_000)
    gif = bytearray(saved(seven(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    frame = bytearray(saved(seven(), "GIF"))
    start = frame.index(b",\0\0\0\0") + 5
    frame[start : start + 4] = struct.pack("<HH", 65_535, 65_535)
    for data in (bmp, gif, frame):
        with pytest.raises(DataError, match="50,000,000"):
            read_image(bytes(data))


def test_a_large_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with path.open("rb") as stream, pytest.raises(DataError, match="64 MiB"):
        read_image(stream)
    monkeypatch.setattr("pathlib.Path.open", None)
    with pytest.raises(DataError, match=r"large\.png is larger than 64 MiB"):
        read_image(path)


# Sources and names


def test_sources_agree(tmp_path):
    data = saved(seven(), "PNG")
    path = tmp_path / "seven.weird"  # the content decides, not the name
    path.write_bytes(data)
    expected = read_image(data)
    for source in (path, str(path), io.BytesIO(data)):
        np.testing.assert_array_equal(read_image(source), expected)
    with path.open("rb") as stream:
        np.testing.assert_array_equal(read_image(stream), expected)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello, this is text\n", "PNG, JPEG, GIF, BMP, WebP or TIFF"),
        (b"%PDF-1.7 \n", "is a PDF file, which is not read: save or export it as PNG"),
        (b"II*\0" + bytes(50), "truncated or damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "is a HEIC or HEIF file, which is not read"),
        (b"\0\0\0\x18ftypavif" + bytes(50), "is an AVIF file"),
        (b"\n<svg xmlns='a'></svg>", "is an SVG file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "PNG, JPEG, GIF, BMP, WebP or TIFF"),
        (b"BMW is a car", "cannot be read as BMP"),
        (b"\x89PNG\r\n\x1a\n", "cannot be read as PNG"),
        (b"\xff\xd8\xff", "cannot be read as JPEG"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, said):
    path = tmp_path / "thing.png"
    path.write_bytes(content)
    for source, options, name in (
        (path, {}, str(path)),
        (content, {}, "The picture"),
        (io.BytesIO(content), {}, "The picture"),
        (io.BytesIO(content), {"name": "stdin"}, "stdin"),
        (content, {"name": "a.png"}, "a.png"),
    ):
        with pytest.raises(DataError) as refused:
            read_image(source, **options)
        message = str(refused.value)
        assert message.startswith(name) and said in message
        assert message.endswith(".") and "\n" not in message


def test_standard_input_is_called_so():
    stream = io.BytesIO(b"text")
    stream.name = "<stdin>"
    with pytest.raises(DataError, match=r"^stdin is not"):
        read_image(stream)


def test_paths_that_cannot_be_read(tmp_path, monkeypatch):
    for source, said in (
        (tmp_path / "none.png", "does not exist"),
        (tmp_path, "is a folder"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(DataError, match=said):
            read_image(source)
    path = tmp_path / "locked.png"
    path.write_bytes(b"x")

    def locked(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", locked)
    with pytest.raises(DataError, match=r"locked\.png may not be read: permission denied"):
        read_image(path)


def test_a_stream_that_fails():
    class Broken(io.RawIOBase):
        def read(self, *_):
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match="Input/output error"):
        read_image(Broken())


def test_find_images(tmp_path):
    for name in ("b.PNG", "a.jpeg", "c.webp", "notes.txt", "._a.png", "sub/d.png", "folder.png/e.gif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert [p.name for p in find_images(tmp_path)] == ["a.jpeg", "b.PNG", "c.webp"]
    assert find_images(str(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]  # what is named is taken
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"empty holds no picture.*\.png"):
        find_images(empty)
    with pytest.raises(DataError, match="none does not exist"):
        find_images(tmp_path / "none")


# Broken files


def samples():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "a description"
    color, turned = seven().convert("RGB"), seven().convert("RGB").rotate(20)
    return {
        "png": saved(color, "PNG", exif=exif),
        "palette": saved(seven().convert("P"), "PNG", transparency=0),
        "16 bits": saved(Image.fromarray(np.asarray(seven(), np.uint16) * 257), "PNG"),
        "apng": saved(color, "PNG", save_all=True, append_images=[turned]),
        "jpeg": saved(color, "JPEG", exif=exif),
        "progressive": saved(color, "JPEG", progressive=True),
        "cmyk": saved(color.convert("CMYK"), "JPEG"),
        "gif": saved(color, "GIF", save_all=True, append_images=[turned]),
        "bmp": saved(seven().convert("P"), "BMP"),
        "webp": saved(color, "WEBP", exif=exif),
        "lossless": saved(color.convert("RGBA"), "WEBP", lossless=True),
    }


SAMPLES = samples()


@pytest.mark.parametrize("kind", SAMPLES)
def test_truncated_anywhere(kind):
    """Cut in the picture: refused. Cut after it, in the closing marks: the whole picture or refused."""
    data = SAMPLES[kind]
    whole = read_image(data)
    end = {"gif": 0.3, "apng": 0.3, "webp": 0.7}.get(kind, 0.9)  # where frames or notes follow the picture
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        try:
            gray = read_image(data[:length])
        except DataError:
            continue
        assert length > end * len(data)
        np.testing.assert_array_equal(gray, whole)


def mutated(data, rng):
    """The file with bytes changed, cut out, put in, or its end lost; headers as often as all the rest."""
    data = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(200, len(data))
    at = int(rng.integers(reach))
    match rng.integers(5):
        case 0:
            data[at : at + 20] = b""
        case 1:
            data[at:at] = rng.bytes(20)
        case 2:
            data = data[:at]
        case _:
            for _ in range(rng.integers(1, 12)):
                data[rng.integers(reach)] = rng.integers(256)
    return bytes(data)


@pytest.mark.parametrize("kind", SAMPLES)
def test_broken_files_end_as_data_errors(kind):
    rng = np.random.default_rng(list(kind.encode()))
    filters = list(warnings.filters)
    for _ in range(40):
        try:
            gray = read_image(mutated(SAMPLES[kind], rng))
        except DataError as error:
            assert str(error).startswith("The picture ")
        else:
            assert gray.dtype == np.float32 and gray.ndim == 2 and gray.size
            assert gray.min() >= 0 and gray.max() <= 1
    assert warnings.filters == filters


@pytest.mark.parametrize("raised", [MemoryError, RecursionError, IndexError, SyntaxError, struct.error, zlib.error])
def test_whatever_pillow_raises_is_a_data_error(monkeypatch, raised):
    def fail(*_):
        raise raised("inside")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    said = "needs more memory" if raised is MemoryError else "cannot be read as PNG"
    with pytest.raises(DataError, match=f"^The picture {said}") as refused:
        read_image(SAMPLES["png"])
    assert isinstance(refused.value.__cause__, raised)


def test_threads_read_in_turn(monkeypatch):
    """Pillow's warnings are silenced for the process, which two threads must not do and undo at once."""
    expected = {kind: read_image(data) for kind, data in SAMPLES.items()}
    filters, wrong, inside = list(warnings.filters), [], []
    load = JpegImageFile.load

    def watched(image):
        inside.append(image)
        time.sleep(0.002)
        if len(inside) > 1:
            wrong.append("two at once")
        inside.remove(image)
        return load(image)

    monkeypatch.setattr(JpegImageFile, "load", watched)

    def work():
        for kind, data in SAMPLES.items():
            if not np.array_equal(read_image(data), expected[kind]):
                wrong.append(kind)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert warnings.filters == filters


# Found by benchmarks/robustness/fuzz.py


def scans(times, size=(16, 16)):
    """A progressive JPEG whose last scan comes so many times more: a few bytes each, and all pixels again."""
    data = saved(Image.new("RGB", size), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * times + data[-2:]


def test_a_jpeg_of_very_many_scans_is_refused():
    assert read_image(scans(20)).shape == (16, 16)
    for data in (scans(200), scans(40, (4000, 4000))):
        with pytest.raises(DataError, match=r"JPEG of \d+ scans: save it again"):
            read_image(data)


def test_a_webp_is_refused_at_a_size_that_its_decoder_can_hold():
    with pytest.raises(DataError, match=r"5,000 x 5,000 pixels; the limit is 16,000,000"):
        read_image(saved(Image.new("RGB", (5000, 5000)), "WEBP", lossless=True, method=0))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
@pytest.mark.parametrize("mode", ["RGB", "LA", "P"])
def test_a_large_picture_is_not_held_twice(mode):
    script = f"""
import io
from PIL import Image
from nnscratch.pictures.reading import read_image
image, stream = Image.new("{mode}", (6000, 6000)), io.BytesIO()
if "{mode}" == "P":
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.info["transparency"] = 0
image.save(stream, "PNG", compress_level=1)
size = image.size
del image
open("/proc/self/clear_refs", "w").write("5")
def megabytes(key):
    return [int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith(key)][0]
before = megabytes("VmRSS")
read_image(stream.getvalue())
print(megabytes("VmHWM") - before)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 1.6 * 6000 * 6000 * 4 / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_strips_give_what_the_whole_picture_gives(mode, monkeypatch):
    """2,503 rows in three strips of 900, or in one."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (2503, 1501), np.uint8)
    image = Image.fromarray(levels).convert("RGBA" if mode == "LA" else "L").convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    in_strips = read_image(stream.getvalue())
    monkeypatch.setattr("nnscratch.pictures.modes._strips", lambda image, factor: [image])
    np.testing.assert_array_equal(in_strips, read_image(stream.getvalue()))


def sixteen(image, times):
    return Image.fromarray(np.asarray(image).astype(np.uint16) * times)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("ink, paper", [(0, 255), (255, 0)])
def test_twelve_bits_in_sixteen(kind, ink, paper):
    assert_same_digit(saved(sixteen(seven(ink, paper), 16), kind))


@pytest.mark.parametrize("kind, options", [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_the_first_frame_with_ink(kind, options):
    blank, other = seven(255).convert("RGB"), Image.new("RGB", (120, 90), "black")
    frames = [blank, seven().convert("RGB"), other]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert_same_digit(data)
    only_blank = saved(blank, kind, save_all=True, append_images=[other], **options)
    np.testing.assert_array_equal(read_image(only_blank), 1)


def big_endian(image):
    """A TIFF of one strip, most significant byte first, written by hand."""
    width, height = image.size
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags.append((279, width * height))
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack(">2sHI", b"MM", 42, 8 + width * height)
    return start + image.tobytes() + struct.pack(">H", len(tags)) + entries + bytes(4)


TIFFS = {
    "plain": lambda: saved(seven(), "TIFF"),
    "LZW": lambda: saved(seven(), "TIFF", compression="tiff_lzw"),
    "CMYK": lambda: saved(seven().convert("CMYK"), "TIFF"),
    "1 bit": lambda: saved(seven().convert("1"), "TIFF", compression="group4"),
    "floats to 1": lambda: saved(Image.fromarray(np.asarray(seven(), np.float32) / 255), "TIFF"),
    "floats to 255": lambda: saved(Image.fromarray(np.asarray(seven(), np.float32)), "TIFF"),
    "16 bits": lambda: saved(sixteen(seven(), 257), "TIFF"),
    "big-endian": lambda: big_endian(seven()),
    "turned": lambda: saved(seven().rotate(90, expand=True), "TIFF", tiffinfo={ORIENTATION: 6}),
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiff(name):
    assert_same_digit(TIFFS[name]())


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, 1e6])
def test_floats_of_no_scale_are_told_of(value):
    values = np.zeros((30, 30), np.float32)
    values[3, 4] = value
    with pytest.raises(DataError, match="floats outside 0 to 1"):
        read_image(saved(Image.fromarray(values), "TIFF"))


def test_a_tiff_that_is_cut_or_a_bomb():
    data = saved(seven(), "TIFF", compression="tiff_lzw")
    with pytest.raises(DataError, match="truncated or damaged"):
        read_image(data[: len(data) // 2])
    bomb = big_endian(seven()).replace(struct.pack(">HHII", 256, 4, 1, 120), struct.pack(">HHII", 256, 4, 1, 1 << 30))
    with pytest.raises(DataError, match="the limit is"):
        read_image(bomb)


def test_a_line():
    assert read_image(saved(Image.new("L", (10_000, 1), 255), "PNG")).shape == (1, 1000)

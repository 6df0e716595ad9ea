"""What image files say of themselves, read before any of their pixels is.

A few kilobytes may claim gigabytes, and a decoder believes them. Here only headers are
read, so that a file is refused in bounded memory and by its name.
"""

import pathlib
import struct
import zlib

MAX_PIXELS = 100_000_000
_MAX_TEXT_BYTES = 1 << 24  # of a profile or a text in a PNG, unpacked
_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # of JPEG, "SOF"
_BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}  # without a length


def check_image_file(path, max_pixels=MAX_PIXELS):
    """Raises unless a file looks like a picture that can be decoded safely and rightly.

    Args:
        path: Of a PNG, JPEG, GIF, BMP or WebP file, whatever its suffix.
        max_pixels: Integer, over all frames.

    Raises:
        ValueError: If it is none of these, is cut off in its header, has no pixels or
            more than `max_pixels`, or is of a kind that TensorFlow reads wrongly.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise _unfit(path, "it is no file", "a picture", "Leave it out.")
    with open(path, "rb") as file:
        start = file.read(12)
        file.seek(0)
        measure = next((f for sign, f in _FORMATS if sign(start)), None)
        if measure is None:
            what = "it is empty" if not start else f"it begins with {start!r}"
            raise _unfit(path, what, "a PNG, JPEG, GIF, BMP or WebP file")
        try:
            pixels = measure(file)
        except _Refused as error:
            raise _unfit(path, *error.args) from None
        except (struct.error, zlib.error) as error:
            what = f"its header is cut off or damaged ({error})"
            raise _unfit(path, what, "a whole file") from error
    if not 0 < pixels <= max_pixels:
        raise _unfit(
            path,
            f"it claims {pixels:,} pixels",
            f"1 to {max_pixels:,}",
            "Make it smaller, leave it out, or raise `max_pixels`.",
        )


class _Refused(Exception):
    """What is wrong with a file, and what was expected."""


def _unfit(path, what, expected, way_out="Save it anew as PNG, or leave it out."):
    return ValueError(
        f"{str(path)!r} cannot be read as a picture. Expected {expected}. Received: "
        f"{what}. {way_out}"
    )


def _png(file):
    file.seek(8)
    pixels = None
    while header := file.read(8):
        length, kind = struct.unpack(">I4s", header)
        end = file.tell() + length + 4
        if kind == b"IHDR":
            width, height = struct.unpack(">II", file.read(8))
            pixels = width * height
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            _check_text(kind, file.read(length))
        file.seek(end)
        if kind == b"IEND":
            break
    if pixels is None:
        raise _Refused("it has no header", "a PNG with its header")
    return pixels


def _check_text(kind, data):
    """Refuses a chunk that unpacks to more than any text or profile needs."""
    packed = data.partition(b"\0")[2][1:]
    if kind == b"iTXt":
        packed = data.partition(b"\0")[2][2:].partition(b"\0")[2].partition(b"\0")[2]
    try:
        unpacker = zlib.decompressobj()
        unpacker.decompress(packed, _MAX_TEXT_BYTES)
    except zlib.error:
        return  # not packed, or damaged: a decoder leaves it out
    if unpacker.unconsumed_tail:
        raise _Refused(
            f"a {kind.decode()} chunk that unpacks to more",
            f"texts and profiles of {_MAX_TEXT_BYTES >> 20} MB at most",
        )


def _jpeg(file):
    file.seek(2)
    while True:
        mark, marker = struct.unpack("BB", file.read(2))
        while marker == 0xFF:
            (marker,) = struct.unpack("B", file.read(1))
        if mark != 0xFF or marker == 0xD9:
            raise _Refused("it has no size in its header", "a whole JPEG file")
        if marker in _BARE_MARKERS:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _FRAME_HEADERS:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width * height
        file.seek(length - 2, 1)


def _gif(file):
    """Sums the frames, which a decoder unpacks all, and the canvas."""

    def skip_colours(flags):
        if flags & 0x80:
            file.seek(3 << (flags & 7) + 1, 1)

    def skip_blocks():
        while size := struct.unpack("B", file.read(1))[0]:
            file.seek(size, 1)

    width, height, flags = struct.unpack("<6xHHB2x", file.read(13))
    skip_colours(flags)
    pixels, frames = width * height, 0
    while (kind := file.read(1)) not in (b"", b";"):
        if kind == b",":
            frame_width, frame_height, flags = struct.unpack("<4xHHB", file.read(9))
            skip_colours(flags)
            pixels, frames = pixels + frame_width * frame_height, frames + 1
        elif kind != b"!":
            raise _Refused(f"a block of an unknown kind, {kind!r}", "frames")
        file.seek(1, 1)
        skip_blocks()
    return pixels if frames else 0


def _bmp(file):
    head = file.read(54)
    (size,) = struct.unpack("<14xI", head[:18])
    if size < 40:
        raise _Refused(f"a BMP header of {size} bytes", "one of 40 at least")
    start, width, height, bits, packing = struct.unpack("<10xI4xii2xHI", head[:34])
    # TensorFlow takes numbers of colours for colours, and knows no packed rows.
    if bits not in (24, 32) or packing:
        greys = bytes(b for grey in range(256) for b in (grey, grey, grey, 0))
        file.seek(14 + size)
        colours = file.read(max(0, start - 14 - size))
        if bits != 8 or packing or colours[: len(greys)] != greys:
            kind = f"{bits} bits a pixel, compression {packing}"
            raise _Refused(kind, "24 or 32 bits a pixel, or 256 greys, not compressed")
    return width * abs(height)


def _webp(file):
    head = file.read(30)
    kind = head[12:16]
    if kind == b"VP8X":
        flags, width, height = head[20], head[24:27], head[27:30]
        if flags & 2:
            raise _Refused("an animation", "a single picture")
        width, height = (int.from_bytes(side, "little") + 1 for side in (width, height))
    elif kind == b"VP8L":
        (bits,) = struct.unpack("<21xI", head[:25])
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = struct.unpack("<26xHH", head)
        width, height = width & 0x3FFF, height & 0x3FFF
    return width * height


_FORMATS = (
    (lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda start: start.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda start: start.startswith((b"GIF87a", b"GIF89a")), _gif),
    (lambda start: start.startswith(b"BM"), _bmp),
    (lambda start: start.startswith(b"RIFF") and start[8:12] == b"WEBP", _webp),
)

"""Files that are damaged, odd or hostile, made from a seed.

    python tests/malformed_files.py FOLDER

writes all of them for a look. Each is a `Case`: what it is called, its bytes, and what
a reader must do with it: "read" it, "refuse" it with a clear error, or either, where a
random cut may leave what can be read.
"""

import collections
import gzip
import io
import pathlib
import struct
import sys
import zipfile
import zlib

import numpy as np
from PIL import Image

Case = collections.namedtuple("Case", "name data outcome")
READ, REFUSE, EITHER = "read", "refuse", "either"


def tables(seed=0):
    """Returns cases of CSV files, 84 of them.

    Those to be read hold the columns `a` and `b`, numbers, and `label` of two classes.
    """
    rng = np.random.default_rng(seed)
    header, rows = "a,b,label\n", [f"{i},{i / 4},{'xy'[i % 2]}\n" for i in range(40)]
    whole = header + "".join(rows)

    def with_row(row, place=20):
        return header + "".join(rows[:place]) + row + "".join(rows[place:])

    def labelled(*labels):
        return "a,label\n" + "".join(f"{i},{x}\n" for i, x in enumerate(labels))

    read = {
        "plain": whole,
        "byte order mark": "\ufeff" + whole,
        "windows line ends": whole.replace("\n", "\r\n"),
        "old mac line ends": whole.replace("\n", "\r"),
        "no last line end": whole[:-1],
        "blank lines": whole.replace("\n", "\n\n"),
        "quoted": whole.replace("x", '"x"').replace("\n3,", '\n"3",'),
        "quote inside": whole.replace("x", '"x ""inner"""'),
        "comma inside": whole.replace("x", '"x, y"'),
        "line end inside": whole.replace("x", '"x\nx"'),
        "umlauts": whole.replace("x", "größe"),
        "spaces around numbers": with_row(" 5 , 1.5 ,x\n"),
        "exponents": with_row("5,1e-300,x\n"),
        "other digits": with_row("\u0665,1.5,x\n"),
        "labels with fraction .0": labelled(*[0.0, 1.0] * 10),
        "labels of true and false": labelled(*["true", "False"] * 10),
        "labels NA and EU": labelled(*["NA", "EU"] * 10),
        "emoji": whole.replace("x", "\U0001f600"),
        "long label": whole.replace("x", "x" * 1000),
    }
    refuse = {
        "empty": "",
        "blank": "\n \n\n",
        "byte order mark alone": "\ufeff",
        "header alone": header,
        "one column": "label\nx\ny\n" * 3,
        "semicolons": whole.replace(",", ";"),
        "tabs": whole.replace(",", "\t"),
        "ragged, short": with_row("5\n"),
        "ragged, long": with_row("5,1,2,3,x\n"),
        "ragged, empty field more": with_row("5,1,x,\n"),
        "decimal commas": whole.replace(".", ","),
        "duplicate columns": whole.replace("a,b", "a,a"),
        "empty names twice": whole.replace("a,b", ","),
        "quote not closed": with_row('5,1,"x\n'),
        "quote not closed at the end": whole + '5,1,"x\n',
        "quote not closed in the header": '"' + whole,
        "text after a quote": with_row('5,1,"x"y\n'),
        "huge field": with_row(f"5,1,{'x' * 200_000}\n"),
        "huge quoted field": with_row(f'5,1,"{"x" * 200_000}"\n'),
        "a million columns, one row": ",".join(map(str, range(10**6))) + "\n1\n",
        "zero byte": with_row("5,\0,x\n"),
        "zero bytes in the header": "\0\0" + whole,
        "only zero bytes": "\0" * 5000,
        "one class": labelled(*"x" * 20),
        "label missing": labelled(*"xy" * 10, ""),
        "label NaN among numbers": labelled(*[0, 1] * 10, "NaN"),
        "label infinite": labelled(*[0, 1] * 10, "inf"),
        "label minus infinite": labelled(*[0, 1] * 10, "-Infinity"),
        "label a fraction": labelled(*[0, 1] * 10, 0.5),
        "label too large a float": labelled(*[0, 1] * 10, "1e300"),
        "label different in each row": labelled(*range(20)),
    }
    # Readers of text columns take these, those of numbers do not, or the other way.
    either = {
        "number of 5,000 digits": with_row(f"{'9' * 5000},1,x\n"),
        "number beyond floats": with_row("5,1e999,x\n"),
        "infinite feature": with_row("5,inf,x\n"),
        "missing features": with_row(",,x\n"),
        "text among numbers": with_row("five,1,x\n"),
        "control characters": with_row("\x01,\x1b[31m,x\n"),
        "formula": with_row('=HYPERLINK("a"),1,x\n'),
        "a row of quotes": with_row('"""","""""",x\n'),
        "half of a surrogate as text": with_row("\\ud800,1,x\n"),
    }
    cases = [Case(n, t.encode(), READ) for n, t in read.items()]
    cases += [Case(n, t.encode(), REFUSE) for n, t in refuse.items()]
    cases += [Case(n, t.encode(), EITHER) for n, t in either.items()]
    utf_8, umlauts = whole.encode(), read["umlauts"]
    binary = {
        "gzip": gzip.compress(utf_8, mtime=0),
        "gzip bomb": gzip.compress(bytes(10_000_000), mtime=0),
        "zip": _zip({"a.csv": utf_8}),
        "utf-16": whole.encode("utf-16"),
        "utf-16 without mark": whole.encode("utf-16-le"),
        "utf-32": whole.encode("utf-32"),
        "latin-1": umlauts.encode("latin-1"),
        "mixed encodings": umlauts.encode() + "größe,1,x\n".encode("latin-1"),
        "mixed after 100 KB": umlauts.encode() * 200 + b"\xff,1,x\n",
        "cut in a character": umlauts.encode()[:-2] + "ö".encode()[:1],
        "surrogate": utf_8 + b"\xed\xa0\x80,1,x\n",
        "overlong": utf_8 + b"\xc0\x80,1,x\n",
        "a picture": _picture(rng, "PNG"),
        "pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix.",
        "arrays": _arrays(x=np.zeros((3, 2)), y=np.zeros(3)),
    }
    cases += [Case(n, data, REFUSE) for n, data in binary.items()]
    for number in range(5):
        noise = rng.integers(0, 256, 3000, dtype="uint8").tobytes()
        cases.append(Case(f"noise {number}", noise, REFUSE))
    for number in range(5):
        spoilt = bytearray(utf_8)
        for place in rng.integers(0, len(spoilt), 20):
            spoilt[place] = rng.integers(0, 256)
        cases.append(Case(f"spoilt bytes {number}", bytes(spoilt), EITHER))
    return cases


def pictures(seed=0):
    """Returns cases of image files, 96 of them; names end as the files shall."""
    rng = np.random.default_rng(seed + 1)
    shade = np.add.outer(np.arange(20) * 6, np.arange(24) * 4).astype("uint8")
    rgb = Image.fromarray(np.stack([shade, shade[::-1], 255 - shade], -1))
    png = _saved(rgb, "PNG")
    jpeg, gif, bmp = (_saved(rgb, f) for f in ("JPEG", "GIF", "BMP"))
    webp = _saved(rgb, "WEBP")
    frames = [Image.fromarray(np.roll(shade, k, 0)) for k in range(4)]
    read = {
        "plain.png": png,
        "plain.jpg": jpeg,
        "plain.gif": gif,
        "plain.bmp": bmp,
        "upper case.PNG": png,
        "grey.png": _saved(rgb.convert("L"), "PNG"),
        "grey.jpg": _saved(rgb.convert("L"), "JPEG"),
        "grey.bmp": _saved(rgb.convert("L"), "BMP"),
        "16 bits.png": _saved(Image.fromarray(shade.astype("uint16") * 257), "PNG"),
        "one bit.png": _saved(rgb.convert("1"), "PNG"),
        "palette.png": _saved(rgb.convert("P"), "PNG"),
        "transparent.png": _saved(rgb.convert("RGBA"), "PNG"),
        "grey and alpha.png": _saved(rgb.convert("LA"), "PNG"),
        "interlaced.png": _png(4, 4, bytes(8 * 13), interlace=1),
        "cmyk.jpg": _saved(rgb.convert("CMYK"), "JPEG"),
        "progressive.jpg": _saved(rgb, "JPEG", progressive=True),
        "one pixel.png": _saved(rgb.crop((0, 0, 1, 1)), "PNG"),
        "a thin line.png": _saved(Image.new("RGB", (1, 5000)), "PNG"),
        "a jpeg.png": jpeg,
        "a png.jpg": png,
        "a gif.png": gif,
        "a bmp.jpeg": bmp,
        "a webp.jpg": webp,
        "animated.gif": _saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:]
        ),
        "text.png": _png(4, 4, bytes(4 * 13), chunks=[(b"tEXt", b"k\0" + b"x" * 999)]),
        "bytes after the end.png": png + bytes(1000),
    }
    text = zlib.compress(bytes(20_000_000), 9)
    big = 100_000, 100_000
    webp_claims = bytearray(_saved(rgb, "WEBP", lossless=True))
    webp_claims[21:25] = struct.pack("<I", 0x0FFFFFFF)
    refuse = {
        "empty.png": b"",
        "one byte.png": b"\x89",
        "zero bytes.png": bytes(1000),
        "text file.png": b"not a picture\n" * 20,
        "html.jpg": b"<html><body>404 Not Found</body></html>",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "tiff.png": _saved(rgb, "TIFF"),
        "icon.png": _saved(rgb, "ICO"),
        "pdf.jpg": _saved(rgb, "PDF"),
        "zip.png": _zip({"a.png": png}),
        "gzip.png": gzip.compress(png, mtime=0),
        "signature alone.png": png[:8],
        "no pixels.png": _png(0, 0, b""),
        "no rows.png": _png(5, 0, b""),
        "100,000 x 100,000.png": _png(*big, b""),
        "2 G x 2 G.png": _png(2**31 - 1, 2**31 - 1, b""),
        "11,000 x 11,000 that is there.png": _png(
            11_000, 11_000, bytes(11_001 * 11_000), colour=0
        ),
        "wrong checksum.png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
        "wrong colour type.png": _png(4, 4, bytes(4 * 13), colour=5),
        "no data.png": png[: png.find(b"IDAT") - 4],
        "too little data.png": _png(40, 40, bytes(100)),
        "text bomb.png": _png(4, 4, bytes(4 * 13), chunks=[(b"zTXt", b"k\0\0" + text)]),
        "profile bomb.png": _png(
            4, 4, bytes(4 * 13), chunks=[(b"iCCP", b"k\0\0" + text)]
        ),
        "international text bomb.png": _png(
            4, 4, bytes(4 * 13), chunks=[(b"iTXt", b"k\0\1\0\0\0" + text)]
        ),
        "text bomb behind.png": _png(
            4, 4, bytes(4 * 13), behind=[(b"zTXt", b"k\0\0" + text)]
        ),
        "65,500 x 65,500.jpg": _jpeg_claiming(jpeg, 65_500, 65_500),
        "no rows.jpg": _jpeg_claiming(jpeg, 0, 24),
        "start alone.jpg": jpeg[:3],
        "markers without end.jpg": b"\xff\xd8" + b"\xff" * 5000,
        "no end.jpg": jpeg[:-2],
        "no frames.gif": b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b";",
        "frame of 60,000 x 60,000.gif": _gif((1, 1), [(60_000, 60_000)]),
        "canvas of 65,535 x 65,535.gif": _gif((65_535, 65_535), [(1, 1)]),
        "a thousand frames.gif": _gif((400, 400), [(400, 400)] * 1000),
        "unknown block.gif": gif[:13] + b"?" * 100,
        "canvas alone.gif": gif[:10],
        "100,000 x 100,000.bmp": bmp[:18] + struct.pack("<ii", *big) + bmp[26:],
        "upside down and huge.bmp": bmp[:18]
        + struct.pack("<ii", 50_000, -50_000)
        + bmp[26:],
        "negative width.bmp": bmp[:18] + struct.pack("<ii", -24, 20) + bmp[26:],
        "palette.bmp": _saved(rgb.convert("P"), "BMP"),
        "one bit.bmp": _saved(rgb.convert("1"), "BMP"),
        "compressed rows.bmp": bmp[:30] + struct.pack("<I", 1) + bmp[34:],
        "old header.bmp": bmp[:14] + struct.pack("<I", 12) + bmp[18:],
        "16,384 x 16,384.png": bytes(webp_claims),
        "animated webp.png": _saved(
            frames[0], "WEBP", save_all=True, append_images=frames[1:]
        ),
        "start alone of a webp.png": webp[:14],
    }
    cases = [Case(n, data, READ) for n, data in read.items()]
    cases += [Case(n, data, REFUSE) for n, data in refuse.items()]
    kinds = {"png": png, "jpg": jpeg, "gif": gif, "bmp": bmp}
    for kind, data in kinds.items():
        for number in range(3):
            cut = int(rng.integers(20, len(data) - 20))
            cases.append(Case(f"cut {number}.{kind}", data[:cut], REFUSE))
        for number in range(3):
            spoilt = bytearray(data)
            for place in rng.integers(8, len(spoilt), 12):
                spoilt[place] = rng.integers(0, 256)
            cases.append(Case(f"spoilt {number}.{kind}", bytes(spoilt), EITHER))
    return cases


def arrays(seed=0):
    """Returns cases of .npz files, 24 of them."""
    rng = np.random.default_rng(seed + 2)
    x, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    whole = _arrays(x=x, y=y)
    claims = _npy_header((10**7, 10**6))
    nothing = _zip({"x.npy": bytes(270_000_000), "y.npy": b""}, zipfile.ZIP_DEFLATED)
    read = {
        "plain": whole,
        "packed": _arrays(packed=True, x=x, y=y),
        "labels as floats": _arrays(x=x, y=y.astype(float)),
    }
    refuse = {
        "empty": b"",
        "text": b"x,y\n1,2\n",
        "one array, not packed": _npy(x),
        "a pickle": b"\x80\x04N.",
        "objects, which are pickles": _arrays(x=x, y=np.array([*y], object)),
        "other names": _arrays(a=x, b=y),
        "no array": _zip({"x.npy": b"hello", "y.npy": b"you"}),
        "other files": _zip({"x": b"hello", "y": b"you"}),
        "80 TB claimed": _zip({"x.npy": claims, "y.npy": _npy(y)}),
        "a bomb": nothing,
        "NaN": _arrays(x=x * np.nan, y=y),
        "infinite label": _arrays(x=x, y=np.where(y, np.inf, 0)),
        "label of a terabyte": _arrays(x=x, y=y * 10**12),
        "label too large a float": _arrays(x=x, y=y * 1e300),
        "negative label": _arrays(x=x, y=-y),
        "another length": _arrays(x=x, y=y[:5]),
        "scalars": _arrays(x=np.float64(1), y=np.int64(1)),
        "no rows": _arrays(x=x[:0], y=y[:0]),
    }
    cases = [Case(n, data, READ) for n, data in read.items()]
    cases += [Case(n, data, REFUSE) for n, data in refuse.items()]
    for number in range(3):
        cut = int(rng.integers(1, len(whole) - 30))
        cases.append(Case(f"cut {number}", whole[:cut], REFUSE))
    return cases


def _saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _picture(rng, kind):
    values = rng.integers(0, 256, (9, 9, 3), dtype="uint8")
    return _saved(Image.fromarray(values), kind)


def _png(width, height, rows, colour=2, interlace=0, chunks=(), behind=()):
    """A PNG that claims a size, with rows of 8 bits a value and other chunks."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, interlace)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows, 1)), *behind]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + _checksum(kind + data)
        for kind, data in [*parts, (b"IEND", b"")]
    )


def _checksum(data):
    return struct.pack(">I", zlib.crc32(data))


def _jpeg_claiming(jpeg, height, width):
    place = jpeg.find(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def _gif(canvas, frames):
    """A GIF with a canvas and frames of these sizes, and next to no data."""
    data = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes(6)
    for size in frames:
        data += b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x4c\x01\x00"
    return data + b";"


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npy_header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def _arrays(packed=False, **named):
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **named)
    return file.getvalue()


def _zip(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


def main(folder):
    for kind, made in (("csv", tables()), ("png", pictures()), ("npz", arrays())):
        for case in made:
            suffix = "" if kind == "png" else f".{kind}"
            path = pathlib.Path(folder) / kind / f"{case.name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(case.data)


if __name__ == "__main__":
    main(*sys.argv[1:])

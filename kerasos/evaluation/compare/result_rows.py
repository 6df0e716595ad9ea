"""A CSV of results that several processes append to and no kill can break."""

import csv
import io
import os
import pathlib

from kerasos.files import writing

try:
    import fcntl
except ImportError:  # no such locks on Windows: one process at a time there
    fcntl = None  # type: ignore[assignment]


def append_rows(path, columns, rows):
    """Appends rows in one write under a lock; they are on disk when it returns.

    If there is no room for all of them, none is added. What a killed writer left behind
    the last line break is removed first.

    Args:
        path: CSV file; made with a header, and its folder, where there is none.
        columns: Names of the columns, in order.
        rows: List of dicts with these names.

    Raises:
        OSError: If they cannot be written.
    """
    path = pathlib.Path(path)
    with writing(path, "A table of results"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer, whose rest would be written when the file is closed.
        with open(path, "a+b", buffering=0) as file:
            _lock(file, exclusive=True)
            _cut_torn_line(file)
            size, text = os.fstat(file.fileno()).st_size, io.StringIO()
            writer = csv.DictWriter(text, columns, lineterminator="\n")
            if not size:
                writer.writeheader()
            writer.writerows(rows)
            try:
                rest = memoryview(text.getvalue().encode("utf-8"))
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise


def read_rows(path, columns):
    """Returns the whole rows as dicts of strings; an empty list without a file.

    Raises:
        ValueError: If the file has other columns.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        _lock(file, exclusive=False)
        text = file.read()
    # What follows the last line break was cut off.
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
    if reader.fieldnames and list(reader.fieldnames) != list(columns):
        raise ValueError(
            f"A table of results must have the columns {list(columns)}. Received: "
            f"{reader.fieldnames} in {path}. Give another file."
        )
    return list(reader)


def _lock(file, exclusive):
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)


def _cut_torn_line(file):
    file.seek(0)
    text = file.read()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        file.truncate(whole)
    file.seek(0, os.SEEK_END)

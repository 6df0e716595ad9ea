"""Files that are there whole or not at all, and arrays from files of others."""

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
import zipfile

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DRAFT = "draft_"  # begins the name of what is not complete
_LOCK = "lock"  # in a folder of work, held by the process that works there
_LARGEST_PACKED = 1 << 28  # bytes that any archive may unpack to
_MOST_PACKED = 100  # times its own size, beyond that


@contextlib.contextmanager
def whole_file(path, what="The file"):
    """Yields the path of a draft that takes the place of `path` when it is complete.

    Until then, and if anything fails, what was at `path` stays there.

    Args:
        path: The file; its folder is made where there is none.
        what: String that an error begins with, for example "The report".

    Raises:
        OSError: If it cannot be written, of the kind that the system tells; the draft
            is removed.

    Example:

    >>> with whole_file("report.md", "The report") as draft:
    ...     draft.write_text("text")
    """
    path = pathlib.Path(os.path.realpath(path))
    if path.exists() and not path.is_file():  # a device or a pipe, say
        yield path
        return
    # Writers choose the format by the suffix.
    draft = path.with_name(f"{DRAFT}{os.getpid()}_{path.name}")
    with writing(path, what):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            with open(draft, "rb+") as file:
                os.fsync(file.fileno())  # before it has its name, for power cuts
            os.replace(draft, path)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


@contextlib.contextmanager
def work_folder(parent, prefix):
    """Yields a new folder to build something in, which is removed afterwards.

    A process that is killed leaves its folder. The next call removes it: a file in it
    is locked, and the system gives up the lock of a process that has ended. Where the
    system knows no locks the folders stay.

    Args:
        parent: Folder, on the disk where the result will have its place.
        prefix: String that the names of these folders begin with, and no others.

    Example:

    >>> with work_folder("saved_models", ".export-") as work:
    ...     (work / "card.json").write_text("{}")
    """
    for lock in pathlib.Path(parent).glob(f"{prefix}*/{_LOCK}"):
        with contextlib.suppress(OSError), open(lock, "rb+") as file:
            _take(file)
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = tempfile.TemporaryDirectory(
        dir=parent, prefix=prefix, ignore_cleanup_errors=True
    )
    with folder as name, open(pathlib.Path(name, f"{DRAFT}{_LOCK}"), "wb") as file:
        work = pathlib.Path(name)
        with contextlib.suppress(OSError):
            _take(file)
            os.rename(file.name, work / _LOCK)  # others see it locked, or not at all
        yield work


def _take(file):
    """Locks an open file; raises `OSError` where another process has done so."""
    if fcntl is None:
        raise OSError(errno.ENOTSUP, "no locks")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def check_writable(folder, what="The file"):
    """Raises `OSError` unless files can be made in a folder, which is made itself."""
    folder = pathlib.Path(folder)
    with writing(folder, what):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{DRAFT}{os.getpid()}_probe"
        try:
            probe.write_bytes(b"1")
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path, what):
    """Gives an `OSError` of its body the words of ours; `what` begins them."""
    try:
        yield
    except OSError as error:
        known = error.errno not in (None, errno.EIO)
        reason = os.strerror(error.errno) if known else str(error)
        raise OSError(
            error.errno or errno.EIO,
            f"{what} cannot be written. Expected a place with room for it. Received: "
            f"{reason}, for {os.fspath(path)!r}. What was there stays as it was. Make "
            "room, or choose another place",
        ) from error


def write_arrays(path, arrays):
    """Writes an .npz file that is there completely or not at all.

    Args:
        path: The file.
        arrays: `{name: array}`.

    Raises:
        OSError: As `whole_file`.
    """
    with whole_file(path, "A file of arrays") as draft, open(draft, "wb") as file:
        np.savez(file, **arrays)


def read_arrays(path):
    """Reads the arrays of an .npz file; pickled objects are never loaded.

    Args:
        path: Of a file as `np.savez` writes it.

    Returns:
        `{name: array}`.

    Raises:
        ValueError: If the file is cut off, is no .npz file, holds objects, or unpacks
            to much more than its size: then nothing of it is read.
    """
    path = os.fspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        packed = os.path.getsize(path)
        if unpacked > max(_LARGEST_PACKED, _MOST_PACKED * packed):
            raise ValueError(
                f"it unpacks to {unpacked:,} bytes, {unpacked // packed} times its "
                "size; `np.savez` writes arrays unpacked"
            )
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except Exception as error:  # every kind of damage fails in its own way
        raise ValueError(
            f"{path!r} cannot be read as arrays. Expected a whole .npz file of numbers "
            f"or text. Received: {error or type(error).__name__}. Write it anew with "
            "`np.savez`."
        ) from error
    if other := [n for n, a in arrays.items() if not isinstance(a, np.ndarray)]:
        raise ValueError(
            f"{path!r} cannot be read as arrays. Expected arrays alone. Received: "
            f"{other}, which are none. Write it anew with `np.savez`."
        )
    return arrays

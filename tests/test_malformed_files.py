"""Two hundred damaged, odd and hostile files: read rightly, or refused by name."""

import os
import pathlib
import re
import sys
import warnings

import keras
import malformed_files
import numpy as np
import pytest
import script_module
from absl import flags
from PIL import Image

import kerasos
from kerasos.command import csv_table

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from timing import forget_peak, resident_mb  # noqa: E402

WAY_OUT = (
    r"\b(Add|Check|Pass|Choose|Close|Encode|Fill|Give|Impute|Leave|Make|Name|Number|Put"
)
WAY_OUT += r"|Quote|Rename|Save|Scale|Write|drop|set|reshape|Reshape)\b"
LARGEST_MB = 250  # of the tables, a file of a million columns among them
FEW_MB = 60
ADDED = ("spaces around numbers", "exponents", "other digits")  # a row


class Memory:
    """Asserts that the body needs no more than so many megabytes at once."""

    def __init__(self, most):
        self.most = most

    def __enter__(self):
        self.counts = sys.platform == "linux" and os.access(
            "/proc/self/clear_refs", os.W_OK
        )
        if self.counts:
            forget_peak()
            self.start = resident_mb("VmRSS")

    def __exit__(self, kind, *_):
        if self.counts and kind is None:
            grown = resident_mb("VmHWM") - self.start
            assert grown <= self.most, f"{grown} MB"


def outcome(read, path, case, kinds=(ValueError,)):
    """Returns what a reader gives, or None where it refuses; asserts that it may."""
    try:
        with warnings.catch_warnings():
            # Copies of one row, or classes of one row: told, and read.
            warnings.filterwarnings("ignore", ".*one sample|.*repeated samples")
            found = read(path)
    except kinds as error:
        assert type(error) in kinds, (case.name, type(error), error)
        assert case.outcome != malformed_files.READ, (case.name, error)
        assert path.name in str(error), (case.name, error)
        assert re.search(WAY_OUT, str(error).rpartition(path.name)[2]), (
            case.name,
            error,
        )
        return None
    except BaseException as error:
        raise AssertionError(f"{case.name!r} ends with {error!r}") from error
    assert case.outcome != malformed_files.REFUSE, case.name
    return found


@pytest.fixture(scope="module")
def made():
    """`{kind: cases}`; a few take a second to pack."""
    kinds = ("tables", "pictures", "arrays")
    return {kind: getattr(malformed_files, kind)() for kind in kinds}


def test_the_files_are_two_hundred_and_the_same_each_time(made):
    assert sum(map(len, made.values())) >= 200
    for cases in made.values():
        assert len({case.name for case in cases}) == len(cases)
    assert malformed_files.tables(0) == made["tables"] != malformed_files.tables(1)


def test_tables_of_the_commands(made, tmp_path):
    cases, path = made["tables"], tmp_path / "customers.csv"
    with Memory(LARGEST_MB):
        for case in cases:
            path.write_bytes(case.data)
            found = outcome(lambda path: csv_table.read(path, None), path, case)
            if found is not None and case.outcome == malformed_files.READ:
                text, frame, target = found
                assert target == "label" and frame["label"].nunique() == 2, case.name
                assert frame["a"].dtype == "Int64" and frame["a"].notna().all()
                rows = 20 if "labels" in case.name else 40 + (case.name in ADDED)
                assert len(text) == len(frame) == rows, case.name
    # What stands in them.
    for case in cases:
        path.write_bytes(case.data)
        if case.name == "line end inside":
            labels = csv_table.read(path, None)[1]["label"]
            assert labels.tolist() == ["x\nx", "y"] * 20


def test_tables_to_train_on(made, tmp_path):
    path = tmp_path / "customers.csv"
    with Memory(LARGEST_MB):
        for case in made["tables"]:
            path.write_bytes(case.data)
            if case.name in ("one class", "label different in each row"):
                continue  # arrays like others, of which `from_data` says more
            found = outcome(kerasos.data.load, path, case)
            if found is not None:
                (x, y), (x_test, y_test) = found
                assert np.isfinite(x).all() and x.dtype == np.float32
                assert sorted({*y, *y_test}) == [0, 1], case.name


def test_arrays_to_train_on(made, tmp_path):
    path, kinds = tmp_path / "images.npz", (TypeError, ValueError)
    cases = made["arrays"]
    with Memory(FEW_MB):
        for case in cases:
            path.write_bytes(case.data)
            found = outcome(kerasos.data.load, path, case, kinds)
            if found is not None:
                (x, y), (x_test, y_test) = found
                assert len(x) == len(y) == 16 and len(x_test) == len(y_test) == 4


def as_read(path):
    """Pixels by another library, in the units and the size of the reader's."""
    with Image.open(path) as image:
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.array(image) >> 8).astype("uint8"))
        if image.mode == "RGBA":  # the colours, without what shines through
            image = Image.merge("RGB", image.split()[:3])
        return np.array(image.convert("RGB"))


def test_odd_pictures_are_read_rightly(made, tmp_path):
    cases = [case for case in made["pictures"] if case.outcome == malformed_files.READ]
    size = (20, 24)
    for place, case in enumerate(cases):
        path = tmp_path / "ab"[place % 2] / f"{place // 2:02}_{case.name}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(case.data)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*repeated samples")
        x, y, names = kerasos.data.read_image_folder(tmp_path, size)
    paths = sorted(tmp_path.glob("*/*"), key=lambda path: (path.parent, path.name))
    assert len(paths) == len(x) == 26 and names == ["a", "b"]
    assert x.dtype == np.uint8 and x.shape[1:] == (*size, 3)
    assert y.tolist() == ["ab".index(path.parent.name) for path in paths]
    for path, image in zip(paths, x, strict=True):
        expected = as_read(path)
        if expected.shape == image.shape:
            # Libraries undo JPEG's transform and mix its inks in ways of their own.
            lossy = path.suffix in (".jpg", ".jpeg") or "jpeg" in path.name
            difference = np.abs(image.astype(int) - expected)
            assert difference.max() <= (8 if lossy else 0), path.name


@pytest.mark.parametrize("channels", [3, 1])
def test_bad_pictures_are_refused_by_name(made, channels, tmp_path):
    good = next(case.data for case in made["pictures"] if case.name == "plain.png")
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whole.png").write_bytes(good)

    def read(path):
        return kerasos.data.read_image_folder(tmp_path, (8, 8), channels)

    bad = [case for case in made["pictures"] if case.outcome != malformed_files.READ]
    # Without colours the same files come by the same way: a few stand for all.
    bad = bad if channels == 3 else bad[::8]
    with Memory(FEW_MB):
        for case in bad:
            path = tmp_path / "bad" / case.name
            path.write_bytes(case.data)
            found = outcome(read, path, case)
            if found is not None:
                assert found[0].shape == (3, 8, 8, channels), case.name
            path.unlink()
    # The folder itself is in order.
    assert len(outcome(read, tmp_path, malformed_files.Case("", b"", "read"))[0]) == 2


def test_the_most_pixels_can_be_raised_and_special_files_are_none(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 20), ord(name)).save(tmp_path / name / "picture.png")
    read = kerasos.data.read_image_folder
    with pytest.raises(ValueError, match="claims 600 pixels.*raise `max_pixels`"):
        read(tmp_path, (8, 8), max_pixels=599)
    with pytest.warns(UserWarning, match="one sample"):
        assert read(tmp_path, (8, 8), max_pixels=600)[0].shape == (2, 8, 8, 3)
    with pytest.raises(ValueError, match="`channels`.*Received: .*2"):
        read(tmp_path, (8, 8), channels=2)
    os.mkfifo(tmp_path / "a" / "pipe.png")  # reading it would wait for ever
    with pytest.raises(ValueError, match="pipe.png.*it is no file"):
        read(tmp_path, (8, 8))
    with pytest.raises(ValueError, match="a folder of folders.*no folder in it"):
        read(tmp_path / "a", (8, 8))
    with pytest.raises(ValueError, match="a folder of folders.*no folder\\."):
        read(tmp_path / "c", (8, 8))


def test_a_damaged_picture_in_a_dataset_of_keras_is_told(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    dataset = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 8), verbose=False
    )
    with pytest.raises(ValueError, match="(?s)Invalid PNG.*read_image_folder.*names"):
        kerasos.data.as_arrays(dataset)


def test_a_script_ends_with_one_line_and_leaves_nothing(tmp_path):
    for name in "ab":
        (tmp_path / "parts" / name).mkdir(parents=True)
        (tmp_path / "parts" / name / "picture.png").write_bytes(b"\x89PNG")
    before = sorted(tmp_path.rglob("*"))
    with script_module.loaded(ROOT / "examples" / "finetune_classifier.py") as module:
        options = [f"--folder={tmp_path / 'parts'}", f"--output_dir={tmp_path / 'out'}"]
        flags.FLAGS(["finetune_classifier", *options])
        with pytest.raises(SystemExit, match="^finetune_classifier: .*picture.png"):
            module.main([])
    assert sorted(tmp_path.rglob("*")) == before

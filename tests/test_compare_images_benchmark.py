"""The benchmark on images: its splits, and one tiny run and what it writes."""

import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags

import kerasos
from kerasos.evaluation.compare import networks

SCRIPT = script_module.ROOT / "benchmarks" / "compare_images.py"


@pytest.fixture(scope="module")
def script():
    with script_module.loaded(SCRIPT) as module:
        yield module


def test_splits_have_no_image_in_common(script):
    y, y_test = np.repeat(np.arange(10), 5000), np.arange(1000) % 10
    splits = script.splits_of(y, y_test, script.COUNTS, seed=0)
    rows = np.concatenate([part for split in splits for part in split])
    assert len(splits) == 5 and len(np.unique(rows)) == len(rows)
    for train, test in splits:
        assert np.bincount(y[train]).tolist() == list(script.COUNTS)
        assert np.bincount(y_test[test - len(y)]).tolist() == [20] * 10


def test_a_tiny_run_and_a_second_one(script, tmp_path, monkeypatch):
    (x, y), _ = kerasos.data.load("digits")
    half = np.arange(len(y)) % 2 == 0
    found = (x[half], y[half]), (x[~half], y[~half])
    monkeypatch.setattr(script, "load", lambda name, data_dir: found)
    monkeypatch.setattr(script, "COUNTS", (9, 8, *[6] * 8))
    monkeypatch.setattr(script, "METHODS", {"smote": "smote"})
    monkeypatch.setattr(networks, "EPOCHS", 1)
    flags.FLAGS(
        ["", f"--output_dir={tmp_path}", "--steps=1", "--splits=3", "--datasets=digits"]
    )
    for _ in range(2):
        script.main([])
    rows = pd.read_csv(tmp_path / "compare_images.csv")
    assert len(rows) == 6 and set(rows.dataset) == {"digits"}
    assert set(rows[rows.method == "smote"].n_added) == {9 * 10 - 65}
    page = (tmp_path / "compare_images.md").read_text("utf-8")
    assert "65 training images, 9, 8, 6," in page and "| smote |" in page
    assert (tmp_path / "compare_images_digits_smote.png").is_file()
    assert len(pd.read_csv(tmp_path / "rows" / "digits" / "rows.csv")) == 6

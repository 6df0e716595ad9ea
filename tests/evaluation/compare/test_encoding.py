"""The encoder between a table and the classifiers of `compare`."""

import tracemalloc

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from kerasos.evaluation.compare.encoding import encoder_for


def test_missing_numbers_become_the_medians_of_their_columns():
    frame = pd.DataFrame(
        {
            "odd": [1.0, np.nan, 9.0, 2.0],
            "even": [4.0, 1.0, np.nan, np.nan],
            "whole": [1.0, 2.0, 3.0, 4.0],
            "empty": [np.nan] * 4,
        }
    )
    rows = encoder_for(LogisticRegression(), frame).fit_transform(frame)
    filled = frame.fillna({"odd": 2.0, "even": 2.5, "empty": 0.0}).to_numpy()
    spread = filled.std(axis=0)
    expected = (filled - filled.mean(axis=0)) / np.where(spread, spread, 1.0)
    np.testing.assert_allclose(rows[:, :4], expected, atol=1e-12)
    assert rows.shape == (4, 4 + 3)  # and where the three columns had none


def test_a_table_is_held_about_twice_and_once_at_the_end():
    values = np.random.default_rng(0).normal(size=(50_000, 20)).astype("float32")
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(20)])
    copy = values.size * 8
    encoder = encoder_for(LogisticRegression(), frame)
    tracemalloc.start()
    try:
        rows = encoder.fit_transform(frame)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows.nbytes == copy and left < 1.1 * copy
    assert peak < 2.4 * copy

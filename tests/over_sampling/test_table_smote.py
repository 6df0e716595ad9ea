"""SMOTE on frames: kinds of columns, scale, small classes."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from kerasos.over_sampling.table_smote import TableSMOTE


def mixed(counts=(30, 8), seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["a", "b", "c"][: len(counts)], counts)
    n = len(y)
    frame = pd.DataFrame(
        {
            "city": pd.Categorical(rng.choice(["Oslo", "Rome"], n)),
            "size": rng.normal(size=n) + 3 * (y == "b"),
            "big": 1e6 * rng.normal(size=n),
            "age": rng.integers(18, 90, n),
            "member": rng.random(n) < 0.5,
        }
    )
    return frame, y


def test_new_rows_lie_between_rows_of_their_class():
    X, y = mixed()
    before = X.copy()
    X_res, y_res = TableSMOTE(random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    assert list(X_res) == list(X) and len(X_res) == len(y_res) == 60
    assert (y_res[38:] == "b").all()
    numbers = ["size", "big", "age"]
    pd.testing.assert_frame_equal(X_res[:38], X.astype({"age": float}))
    new, own = X_res[38:], X[y == "b"]
    for name in numbers:
        assert new[name].between(own[name].min() - 1e-9, own[name].max() + 1e-9).all()
    assert (X_res.dtypes[["city", "member"]] == X.dtypes[["city", "member"]]).all()
    assert set(new["city"]) <= {"Oslo", "Rome"} and (new["age"] % 1 != 0).any()


def test_numbers_alone_are_smote_on_standardised_columns():
    X, y = mixed()
    X = X[["size", "big"]]
    X_res, _ = TableSMOTE(random_state=0).fit_resample(X, y)
    scaler = StandardScaler().fit(X)
    z, new = scaler.transform(X[y == "b"]), scaler.transform(X_res)[38:]
    # Each new row is on the line between a row and one of its five neighbours.
    distances = np.linalg.norm(z[:, None] - z[None], axis=-1)
    for row in new:
        found = []
        for i in range(len(z)):
            for j in np.argsort(distances[i])[1:6]:
                line = z[j] - z[i]
                share = np.dot(row - z[i], line) / np.dot(line, line)
                off = np.linalg.norm(row - z[i] - share * line)
                found.append(off if -1e-9 <= share <= 1 + 1e-9 else np.inf)
        assert min(found) < 1e-9
    # In the table's own units the second column alone would choose the neighbours.
    raw, _ = SMOTE(random_state=0).fit_resample(X, y)
    assert not np.allclose(raw["size"][38:], X_res["size"][38:])


@pytest.mark.parametrize("columns", [["city", "member"], ["city", "size"], ["size"]])
def test_small_classes_use_what_they_have(columns):
    X, y = mixed(counts=(12, 3, 1))
    X_res, y_res = TableSMOTE(random_state=0).fit_resample(X[columns], y)
    assert pd.Series(y_res).value_counts().to_dict() == {"a": 12, "b": 12, "c": 12}
    single = X_res[16:][y_res[16:] == "c"].drop_duplicates()
    pd.testing.assert_frame_equal(
        single.reset_index(drop=True), X[columns][15:].reset_index(drop=True)
    )


def test_seeds_and_refusals():
    X, y = mixed()
    sampler = clone(TableSMOTE(random_state=4))
    first, second = (sampler.fit_resample(X, y)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    other = TableSMOTE(random_state=5).fit_resample(X, y)[0]
    assert not first.equals(other)
    X.loc[3, "size"] = np.nan
    with pytest.raises(ValueError, match=r"missing values.*\['size'\]"):
        sampler.fit_resample(X, y)

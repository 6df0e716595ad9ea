"""Every registered method, now or later, is held to the same promises: oversampling.

What a method must tell these tests is in `contract_cases.py`.
"""

import numpy as np
import pytest
from contract_runs import each_feature_case, each_producer, oversampler, poisoned

import kerasos


@each_producer
@pytest.mark.parametrize("strategy", ["auto", "dict", "float"])
@pytest.mark.parametrize("labels_dtype", ["int64", "uint8"])
def test_oversample_keeps_the_originals_and_adds_what_is_asked(
    case, runs, strategy, labels_dtype
):
    x, y = case.data()
    y = y.astype(labels_dtype)
    method = oversampler(case, runs)
    rarest = int(np.bincount(y).argmin())
    largest = int(np.bincount(y).argmax())
    if strategy == "dict":
        strategy = {rarest: int(np.sum(y == rarest)) + 3}
    if strategy == "float":
        # Two classes of the data; a ratio means nothing for more.
        kept = (y == rarest) | (y == largest)
        x, y = x[kept], y[kept]
        if not case.has_network:
            y = (y == rarest).astype(labels_dtype)
            method = kerasos.get_method(case.method).from_data(x, y, **case.options)
            rarest, largest = 1, 0
        strategy = 0.75
    expected = np.bincount(y)
    if not case.adds_samples:
        pass
    elif strategy == "auto":
        expected[:] = expected.max()
    elif isinstance(strategy, dict):
        expected[rarest] += 3
    else:
        expected[rarest] = int(0.75 * expected[largest])
    originals = x.copy(), y.copy()
    x_res, y_res, is_synthetic = method.oversample(x, y, strategy, seed=7)
    n = len(x)
    np.testing.assert_array_equal(x_res[:n], originals[0], strict=True)
    np.testing.assert_array_equal(y_res[:n], originals[1], strict=True)
    np.testing.assert_array_equal(x, originals[0])  # nor is the input touched
    assert x_res.dtype == x.dtype and y_res.dtype == y.dtype
    assert len(x_res) == len(y_res) == len(is_synthetic) == expected.sum()
    np.testing.assert_array_equal(np.bincount(y_res), expected)
    assert is_synthetic.dtype == bool
    np.testing.assert_array_equal(is_synthetic, np.arange(len(x_res)) >= n)
    again, _, _ = method.oversample(x, y, strategy, seed=7)
    np.testing.assert_array_equal(again, x_res)
    if case.adds_samples and case.has_network:
        drawn = method.sample(y_res[n:], seed=7)
        np.testing.assert_array_equal(x_res[n:], drawn)


@each_feature_case
def test_features_cannot_be_appended_to_samples(case):
    model = case.build()
    assert model.sample_shape != model.spec.shape
    with pytest.raises(ValueError, match="generates features of shape"):
        model.oversample(*case.data())


@each_producer
def test_a_class_that_cannot_be_generated_is_refused(case, runs):
    x, y = case.data()
    method = oversampler(case, runs)
    counts = np.bincount(y)
    if case.adds_samples:
        with pytest.raises(ValueError, match="99.*is not present|target class"):
            method.oversample(x, y, {99: 3})
    if not case.has_network:
        return
    for label in set(range(len(counts))) - set(method.sampled_labels):
        with pytest.raises(ValueError, match="must be classes that"):
            method.oversample(x, y, {label: int(counts[label]) + 1})


@each_producer
def test_bad_data_are_refused_by_oversample(case, runs):
    method = oversampler(case, runs)
    x, y = case.data()
    with pytest.raises(ValueError, match="shape"):
        method.oversample(x[:, :-1], y)
    with pytest.raises(ValueError, match="one label per sample"):
        method.oversample(x, y[:-1])
    if case.has_network or x.ndim > 2:  # tables may have missing values
        with pytest.raises(ValueError, match="must be finite|units the model"):
            method.oversample(poisoned(x, np.nan), y)
    with pytest.raises(ValueError, match="[Ll]abel"):
        method.oversample(x, y + 1)
    if case.adds_samples:
        with pytest.raises(ValueError, match="sampling_strategy"):
            method.oversample(x, y, "everything")

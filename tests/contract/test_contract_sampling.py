"""Every registered method, now or later, is held to the same promises: sampling.

What a method must tell these tests is in `contract_cases.py`.
"""

import keras
import numpy as np
import pytest
from contract_runs import each_network, some_labels


@each_network
def test_samples_have_the_shape_range_and_dtype_of_the_data(case, runs):
    model = runs.unbroken(case)["model"]
    x, _ = case.data()
    labels = some_labels(model)
    samples = model.sample(labels, seed=3)
    assert isinstance(samples, np.ndarray)
    assert samples.shape == (len(labels), *model.sample_shape)
    assert samples.dtype == model.sample_dtype
    assert np.all(np.isfinite(samples))
    if model.produces_samples:
        assert (samples.shape[1:], samples.dtype) == (x.shape[1:], x.dtype)
        low, high = model.spec.value_range
        assert samples.min() >= low - 1e-5 and samples.max() <= high + 1e-5
    # Fresh noise in each row.
    alike = model.sample([model.sampled_labels[0]] * 12, seed=3).reshape(12, -1)
    assert len(np.unique(alike, axis=0)) > 1
    nothing = model.sample([], seed=3)
    assert nothing.shape == (0, *model.sample_shape)
    assert nothing.dtype == samples.dtype


@each_network
def test_a_seed_fixes_the_samples(case, runs):
    model = runs.unbroken(case)["model"]
    labels = some_labels(model, 11)
    samples = model.sample(labels, seed=3)
    keras.utils.set_random_seed(99)  # global seeds play no part
    np.testing.assert_array_equal(model.sample(labels, seed=3), samples)
    assert np.any(model.sample(labels, seed=4) != samples)
    assert np.any(model.sample(labels) != model.sample(labels))
    for batch_size in (1, 4, 11):
        chunked = model.sample(labels, seed=3, batch_size=batch_size)
        if np.issubdtype(samples.dtype, np.integer):
            difference = np.abs(chunked.astype(int) - samples.astype(int))
            assert difference.max() <= 1
        else:
            np.testing.assert_allclose(chunked, samples, rtol=1e-5, atol=1e-5)


@each_network
def test_a_call_and_predict_give_fresh_samples(case, runs):
    model = runs.unbroken(case)["model"]
    labels = some_labels(model, 7)
    by_call = [model(labels).numpy() for _ in range(2)]
    by_predict = [model.predict(labels, verbose=0) for _ in range(2)]
    for samples in by_call + by_predict:
        assert samples.shape == (7, *model.sample_shape)
        assert samples.dtype == model.sample_dtype
    for first, second in (by_call, by_predict):
        assert np.any(first != second)


@each_network
def test_labels_that_cannot_be_sampled_are_refused(case, runs):
    model = runs.unbroken(case)["model"]
    good = model.sampled_labels[0]
    forbidden = set(range(-1, model.spec.num_classes + 1)) - set(model.sampled_labels)
    for wrong in sorted(forbidden):
        with pytest.raises(
            ValueError, match=rf"Expected: \[.*Received also: .*{wrong}"
        ):
            model.sample([good, wrong])
    with pytest.raises(ValueError, match="Expected: integers. Received: 'a'"):
        model.sample(["a"])
    for wrong in ([0.5], [[good]], good):
        with pytest.raises(ValueError, match="must be a vector of integers"):
            model.sample(wrong)

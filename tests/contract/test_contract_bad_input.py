"""Every registered method, now or later, is held to the same promises: bad input.

What a method must tell these tests is in `contract_cases.py`.
"""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from contract_runs import (
    BATCH,
    each_full_case,
    each_full_network,
    poisoned,
    some_labels,
)
from resuming import assert_same_state, state

import kerasos

# Bad input. Each spoiler gives what `from_data` gets for `x, y`.


def empty_dataset(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).take(0), None


BAD_DATA = {
    "rank": (lambda x, y: (x[..., 0], y), ValueError, "must be images"),
    "text": (lambda x, y: (x.astype(str), y), TypeError, "must be numeric"),
    "nan": (lambda x, y: (poisoned(x, np.nan), y), ValueError, "must be finite"),
    "infinity": (lambda x, y: (poisoned(x, np.inf), y), ValueError, "must be finite"),
    "no_sample": (lambda x, y: (x[:0], y[:0]), ValueError, "is empty"),
    "empty_dataset": (empty_dataset, ValueError, "is empty|must be images"),
    "lengths": (lambda x, y: (x, y[:-1]), ValueError, "one label per sample"),
    "no_labels": (lambda x, y: (x, None), TypeError, "`y` is missing"),
    "negative_label": (lambda x, y: (x, y - 1), ValueError, "not be negative"),
    "fraction": (lambda x, y: (x, y + 0.5), ValueError, "must be integers"),
    "mixed_labels": (
        lambda x, y: (x, np.where(y > 0, y.astype(str), None)),
        TypeError,
        "integer labels",
    ),
    "one_hot": (lambda x, y: (x, np.eye(9)[y]), ValueError, "argmax"),
    "absent_class": (lambda x, y: (x, 2 * y), ValueError, "no sample of label 1"),
    "one_class": (lambda x, y: (x, 0 * y), ValueError, "at least two classes"),
}


@each_full_case
@pytest.mark.parametrize("spoiler", BAD_DATA)
def test_bad_data_are_refused(case, spoiler):
    spoil, error, words = BAD_DATA[spoiler]
    x, y = spoil(*case.data())
    with pytest.raises(error, match=words):
        kerasos.get_method(case.method).from_data(x, y, **case.options)


@each_full_network
def test_values_of_unknown_units_are_refused(case):
    x, y = case.data()
    method = kerasos.get_method(case.method)
    far = x.astype("float32") + 1000.0
    with pytest.raises(ValueError, match="`value_range` must be given"):
        method.from_data(far, y, **case.options)
    with pytest.raises(ValueError, match="must hold every value"):
        method.from_data(far, y, value_range=(0, 1), **case.options)
    model = method.from_data(far, y, value_range=(0, 2000), **case.options)
    assert model.spec.value_range == (0.0, 2000.0)


@each_full_case
def test_balanced_data_are_refused_where_nothing_could_be_added(case):
    x, y = case.data()
    kept = np.concatenate([np.flatnonzero(y == label)[:4] for label in set(y)])
    method = kerasos.get_method(case.method)
    if case.needs_imbalance:
        with pytest.raises(ValueError, match="Balanced data need no oversampling"):
            method.from_data(x[kept], y[kept], **case.options)
    else:
        method.from_data(x[kept], y[kept], **case.options)


@each_full_case
def test_an_unknown_option_is_named_with_the_nearest(case):
    method = kerasos.get_method(case.method)
    real, misspelt = case.option or ("seed", "sede")
    with pytest.raises(TypeError, match=f"{misspelt!r}.*Did you mean {real!r}"):
        method.from_data(*case.data(), **case.options, **{misspelt: 1})


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_an_unknown_method_is_named_with_the_nearest(name):
    with pytest.raises(ValueError, match=f"Did you mean '{name}'"):
        kerasos.get_method(f"{name}e")


def no_batch(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(999, drop_remainder=True)


def unfit(x, y):
    """Batches as those of training, so none is traced anew, of labels nobody knows."""
    return kerasos.data.batches(x, y, BATCH).map(lambda x, y, *more: (x, y + 99, *more))


BAD_FIT = {
    "shape": (lambda x, y: (x[:, :-1], y), "shape the model was built for"),
    "rank": (lambda x, y: (x[..., 0], y), "must be images"),
    "dtype": (lambda x, y: (x.astype("int16"), y), "units the model was built for"),
    "lengths": (lambda x, y: (x, y[:-1]), "one label per sample"),
    "no_labels": (lambda x, y: (x,), "`fit` needs labels"),
    "label_out_of_range": (lambda x, y: (x, y + 1), "classes the model was built for"),
    "negative_label": (lambda x, y: (x, y - 1), "not be negative"),
    "few_samples": (lambda x, y: (x[:5], y[:5]), "`batch_size` must not exceed"),
    "no_sample": (lambda x, y: (x[:0], y[:0]), "is empty"),
    "no_batch": (lambda x, y: (no_batch(x, y),), "has no batch"),
    "single_samples": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices((x, y)),),
        "must yield batches",
    ),
    "dataset_of_other_shape": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices((x[:, :-1], y)).batch(8),),
        "shape the model was built for",
    ),
    "dataset_of_other_dtype": (
        lambda x, y: (
            tf.data.Dataset.from_tensor_slices((x.astype("int16"), y)).batch(8),
        ),
        "units the model was built for",
    ),
    "dataset_of_other_labels": (
        lambda x, y: (unfit(x, y),),
        "was not trained on.*Received: label|must know each row again|needs the rows",
    ),
    "dataset_without_labels": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices(x).batch(8),),
        "must yield pairs",
    ),
}


@pytest.mark.filterwarnings("ignore:1 epochs end before the stage")
@pytest.mark.filterwarnings("ignore:Classes are drawn as often as they come")
@each_full_network
@pytest.mark.parametrize("spoiler", BAD_FIT)
def test_bad_data_are_refused_by_fit_before_any_step(case, runs, spoiler):
    model = runs.unbroken(case)["model"]
    spoil, words = BAD_FIT[spoiler]
    before = state(model)
    with pytest.raises(ValueError, match=words):
        model.fit(*spoil(*case.data()), verbose=0)
    assert_same_state(state(model), before)


@each_full_network
def test_a_model_that_was_not_trained_generates_nothing(case, runs, tmp_path):
    model = case.build()
    labels = some_labels(model, 2)
    calls = {
        "sample": lambda: model.sample(labels),
        "oversample": lambda: model.oversample(*case.data()),
        "balanced_dataset": lambda: model.balanced_dataset(*case.data(), BATCH),
        "export": lambda: model.export(tmp_path / "never"),
        "call": lambda: model(labels),
        "predict": lambda: model.predict(labels, verbose=0),
    }
    if case.makes_features:
        del calls["oversample"], calls["balanced_dataset"]
    for call in calls.values():
        with pytest.raises(ValueError, match="has not been trained.*allow_untrained"):
            call()
    assert not (tmp_path / "never").exists()
    runs.unbroken(case)["model"].save_weights(tmp_path / "trained.weights.h5")
    model.load_weights(tmp_path / "trained.weights.h5")
    assert model.is_trained and len(model.sample(labels)) == 2


@each_full_network
def test_weights_of_samples_are_refused_by_fit(case, runs):
    model = runs.unbroken(case)["model"]
    x, y = case.data()
    with pytest.raises(ValueError, match="takes no `class_weight`"):
        model.fit(x, y, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="no `sample_weight`"):
        model.fit(x, y, sample_weight=np.ones(len(x)))


def fit_once(model, case, x, y):
    """A step of all rows in each stage; its losses have to be numbers."""
    model.compile(run_eagerly=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = kerasos.data.batches(x, y, len(y))
        history = model.fit(data, epochs=case.round, verbose=0).history
    for name, values in history.items():
        assert np.all(np.isfinite(values)), name


@each_full_case
def test_odd_but_workable_data_warn_and_work(case):
    x, y = case.data()
    rarest = int(np.bincount(y).argmin())
    first = np.flatnonzero(y == rarest)[:1]
    kept = np.concatenate([np.flatnonzero(y != rarest), first])
    method = kerasos.get_method(case.method)
    with pytest.warns(UserWarning, match="have one sample each"):
        single = method.from_data(x[kept], y[kept], seed=0, **case.options)
    copies = np.where((y == rarest).reshape(-1, *[1] * (x.ndim - 1)), x[first], x)
    with pytest.warns(UserWarning, match="repeated samples"):
        repeated = method.from_data(copies, y, seed=0, **case.options)
    for built, data, labels in ((single, x[kept], y[kept]), (repeated, copies, y)):
        if case.has_network:
            if built is repeated:
                built.allow_untrained = True
            else:
                fit_once(built, case, data, labels)
            samples = built.sample([rarest] * 5, seed=0)
            assert samples.shape == (5, *built.sample_shape)
            assert np.all(np.isfinite(samples))
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _, y_res, _ = built.oversample(data, labels)
            total = max(np.bincount(labels))
            if case.adds_samples:
                assert np.sum(y_res == rarest) == total


@each_full_case
def test_a_dataset_gives_the_same_as_arrays(case):
    x, y = case.data()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    method = kerasos.get_method(case.method)
    left = method.from_data(dataset, seed=0, **case.options)
    right = method.from_data(x, y, seed=0, **case.options)
    if case.has_network:
        assert left.spec == right.spec
        labels = some_labels(right)
        left.allow_untrained = right.allow_untrained = True
        np.testing.assert_array_equal(
            left.sample(labels, seed=1), right.sample(labels, seed=1)
        )
    else:
        np.testing.assert_array_equal(
            left.oversample(x, y)[0], right.oversample(x, y)[0]
        )

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from kerasos.over_sampling import (
    DeepOverSampler,
    SampleFilter,
    SMOTEOversampler,
    SyntheticWeightClassifier,
    keep,
)


class FirstColumn(ClassifierMixin, BaseEstimator):
    """Gives class 1 the value of the first column as its probability."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.stack([1 - X[:, 0], X[:, 0]], axis=1)


# Images of one pixel are judged as they are, without an encoder.
REAL = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0], "float32")
IMAGES = REAL.reshape(-1, 1, 1, 1)
LABELS = np.repeat([0, 1], 5)


def images(*values):
    return np.array(values, "float32").reshape(-1, 1, 1, 1)


def test_bounds_are_quantiles_of_real_rows():
    found = SampleFilter(FirstColumn(), agreement=0.25, distance=0.5, border=0.75)
    found.fit(IMAGES, LABELS)
    # Class 1 gets .5 .6 .7 .8 1: a quarter lies below .6. Class 0 gets 1 .9 .8 .7 .6.
    np.testing.assert_allclose(found.least_probability_, [0.7, 0.6], rtol=1e-6)
    # Margins are 2 p - 1: of class 1 0 .2 .4 .6 1, of class 0 .2 .4 .6 .8 1.
    np.testing.assert_allclose(found.most_margin_, [0.8, 0.6], rtol=1e-5)
    # To their nearest neighbours all are .1 away, but for 1.0: the median is .1.
    np.testing.assert_allclose(found.least_distance_, [0.05, 0.05], rtol=1e-5)


def test_a_row_is_left_out_that_is_nearer_to_others_than_real_rows_are():
    off = {"agreement": None, "distance": 0}
    found = SampleFilter(nearness=0.25, **off).fit(IMAGES, LABELS)
    # To the class all are .1 away, but for 1.0 .2; to the other .5 .4 .3 .2 .1 and
    # .1 .2 .3 .4 .6: ratios .2 .25 .33 .5 1, and 1 .5 .33 .25 .33.
    np.testing.assert_allclose(found.most_ratio_, [0.5, 0.5], rtol=1e-5)
    new = images(0.55, 0.45, 0.48, 0.25, 0.2)
    # .05 over .15; .05 over .05; .02 over .08; .25 over .05; over 0.
    excess = found.excess(new, np.ones(5, int))
    np.testing.assert_allclose(excess, [-1, 1, -1, 9, np.inf], rtol=1e-3)
    every = SampleFilter(**off).fit(IMAGES, LABELS)
    assert every.mask(new, np.ones(5, int)).all()
    # A class of one row has none of its own to say how near it is.
    alone = SampleFilter(nearness=0.25, **off).fit(IMAGES[:6], LABELS[:6])
    np.testing.assert_allclose(alone.most_ratio_[1], np.inf)
    assert alone.mask(images(0.3), [1]).all()


def test_a_row_is_kept_if_it_is_likely_new_and_near_enough_to_the_border():
    found = SampleFilter(FirstColumn(), agreement=0.25, distance=0.3, border=0.75)
    found.fit(IMAGES, LABELS)
    new = images(0.55, 0.65, 0.72, 0.75, 0.88, 0.65, 0.25)
    kept = found.mask(new, [1, 1, 1, 1, 1, 0, 0])
    # Too unlikely; good; a copy of .7; good; too far inside; of class 1; good.
    assert kept.tolist() == [False, True, False, True, False, False, True]
    excess = found.excess(new, [1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(excess[[0, 2, 4]], [0.05, 1 / 3, 0.16], rtol=1e-4)


def test_each_rule_can_be_left_out():
    options = {"agreement": None, "distance": 0, "border": None}
    new = images(0.9, 0.6, 1.0)
    labels = [0, 1, 1]
    assert keep(new, labels, IMAGES, LABELS, **options).all()
    one = {**options, "agreement": 0.25}
    kept = keep(new, labels, IMAGES, LABELS, classifier=FirstColumn(), **one)
    assert kept.tolist() == [False, True, True]
    kept = keep(new, labels, IMAGES, LABELS, **{**options, "distance": 0.5})
    assert kept.tolist() == [True, False, False]  # .6 and 1 are real
    one = {**options, "border": 0.75}
    kept = keep(new, labels, IMAGES, LABELS, classifier=FirstColumn(), **one)
    assert kept.tolist() == [True, True, False]


def test_generated_rows_ask_the_classifier_that_has_not_seen_their_neighbour():
    # Without meaning, as below: who has seen the neighbour knows its label for sure.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1, 2, 1)).astype("float32")
    y = rng.integers(0, 2, 200)
    found = SampleFilter(KNeighborsClassifier(1), agreement=0.9, distance=0).fit(x, y)
    assert (found.least_probability_ == 1).all()
    share = found.mask(x + 1e-6, y).mean()
    assert 0.35 < share < 0.65


def test_real_rows_are_judged_by_classifiers_that_have_not_seen_them():
    # Labels without a meaning: the nearest neighbour knows those that it has seen.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1, 2, 1)).astype("float32")
    y = rng.integers(0, 2, 200)
    found = SampleFilter(KNeighborsClassifier(1), agreement=0.5).fit(x, y)
    assert found.least_probability_.min() < 0.5
    assert len(found.classifiers_) == 5


def test_wrong_labels_of_digits_fall_out_and_right_ones_stay():
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1)
    found = SampleFilter(distance=0).fit(x[:900], y[:900])
    right, wrong = found.mask(x[900:], y[900:]), found.mask(x[900:], (y[900:] + 1) % 10)
    assert right.mean() > 0.75 and wrong.mean() < 0.1
    assert not SampleFilter().fit(x[:900], y[:900]).mask(x[:900], y[:900]).any()


def test_frames_are_judged_by_all_their_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": list("xyz") * 100})
    y = np.where(frame.b == "x", "rare", "common")
    new = pd.DataFrame({"a": rng.normal(size=60), "b": list("xyz") * 20})
    found = SampleFilter(agreement=0.05, distance=0).fit(frame, y)
    kept = found.mask(new, np.full(60, "rare"))
    assert kept[::3].mean() > 0.8 and not kept[1::3].any() and not kept[2::3].any()


def test_classes_of_one_row_are_judged_by_distance_alone():
    x = np.concatenate([IMAGES, images(7.0)])
    y = np.append(LABELS, 2)
    found = SampleFilter(FirstColumn(), border=0.5).fit(x, y)
    assert found.least_probability_[2] == 0 and found.most_margin_[2] == np.inf
    assert found.mask(images(7.0), [2]).all()


@pytest.mark.parametrize(
    "options, said",
    [
        ({"agreement": 1.0}, "agreement"),
        ({"agreement": True}, "agreement"),
        ({"distance": -0.1}, "distance"),
        ({"border": 0}, "border"),
        ({"nearness": 1}, "nearness"),
        ({"folds": 1}, "folds"),
    ],
)
def test_arguments_are_checked(options, said):
    with pytest.raises(ValueError, match=f"Invalid `{said}`.*Received"):
        SampleFilter(**options).fit(IMAGES, LABELS)


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(TypeError, match="Invalid `classifier`.*scikit-learn"):
        SampleFilter("forest").fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="two classes or more"):
        SampleFilter().fit(IMAGES, np.zeros(10, int))
    with pytest.raises(ValueError, match=r"Received: \[5\]"):
        SampleFilter().fit(IMAGES, LABELS).mask(IMAGES[:1], [5])
    with pytest.raises(ValueError, match=r"Received: \['a'\]"):
        SampleFilter().fit(IMAGES, LABELS).mask(IMAGES[:2], ["a", "a"])
    with pytest.raises(TypeError, match="with `predict_proba`. Received: SVC()"):
        SampleFilter(SVC()).fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="Received: 2 columns of one value each"):
        SampleFilter().fit(np.ones((10, 2)), LABELS)


def moons():
    x, y = make_moons(400, noise=0.15, random_state=0)
    rows = np.flatnonzero((y == 0) | (np.arange(400) % 8 == 0))
    return x[rows], y[rows]


@pytest.mark.filterwarnings("ignore:The filter let no draw pass")
def test_the_sampler_draws_again_what_its_filter_refuses():
    x, y = moons()
    found = {}
    for name, given in {"all": None, "kept": SampleFilter(agreement=0.3)}.items():
        sampler = DeepOverSampler("flow", epochs=3, filter=given, random_state=0)
        x_res, y_res = sampler.fit_resample(x, y)
        assert np.bincount(y_res).tolist() == [200, 200]
        np.testing.assert_array_equal(x_res[: len(x)], x)
        found[name] = x_res[sampler.sample_is_synthetic_]
        assert (sampler.filter_ is None) == (given is None)
    assert sampler.filter_.classes_.tolist() == [0, 1]
    judge = SampleFilter(agreement=0.3, random_state=1).fit(x, y)
    shares = {k: judge.mask(v, np.ones(len(v), int)).mean() for k, v in found.items()}
    assert shares["kept"] > shares["all"] + 0.2


def test_what_never_passes_is_said_and_taken():
    x, y = moons()
    y = np.array(["common", "rare"])[y]  # the filter knows the user's labels
    sampler = DeepOverSampler(
        "flow",
        epochs=1,
        filter=SampleFilter(FirstColumn(), agreement=0, border=None, distance=1e6),
        random_state=0,
    )
    with pytest.warns(UserWarning, match="no draw pass for 172 of 172 of class rare"):
        _, y_res = sampler.fit_resample(x, y)
    assert (y_res == "rare").sum() == (y_res == "common").sum() == 200
    assert not sampler.filter_.mask(x[:3], y[:3]).any()


def test_methods_without_a_network_have_no_filter():
    with pytest.raises(ValueError, match="`kerasos.over_sampling.keep`"):
        DeepOverSampler("smote", filter=True).fit_resample(*moons())


def test_a_stream_holds_what_its_filter_lets_pass_and_weighs_it():
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32")
    rows = np.flatnonzero((y != 3) | (np.arange(len(y)) % 9 == 0))
    x, y = x[rows], y[rows]
    maker = SMOTEOversampler.from_data(x, y, seed=0)
    found = SampleFilter(agreement=0.5, distance=0)
    stream = maker.balanced_dataset(
        x, y, 40, filter=found, synthetic_weight=0.25, steps_per_epoch=5, seed=0
    )
    judge, new = SampleFilter(agreement=0.5, distance=0).fit(x, y), []
    for images, labels, weights in stream:
        is_new = weights.numpy() == 0.25
        assert set(weights.numpy()) <= {0.25, 1.0} and is_new.any()
        new.append(judge.mask(images.numpy()[is_new], labels.numpy()[is_new]).mean())
    plain = maker.sample([3] * 200, seed=1)
    assert np.mean(new) > 0.95 > judge.mask(plain, [3] * 200).mean() + 0.1
    with pytest.raises(ValueError, match="Received: both"):
        maker.balanced_dataset(x, y, synthetic_weight=1.0, mark_synthetic=True)
    with pytest.raises(TypeError, match="Invalid `filter`"):
        maker.balanced_dataset(x, y, filter=True)
    with pytest.raises(ValueError, match="fitted. Received: a dataset"):
        maker.balanced_dataset(stream.map(lambda x, y, w: (x, y)), filter=found)


class Opposite(DeepOverSampler):
    """Adds rows of class 1 where class 0 is: they can only harm."""

    def fit_resample(self, X, y, **params):
        count = int((y == 0).sum() - (y == 1).sum())
        X_new = X[np.resize(np.flatnonzero(y == 0), count)]
        return np.concatenate([X, X_new]), np.concatenate([y, np.ones(count, int)])


def test_harmful_rows_get_no_weight_and_copies_one():
    from imblearn.over_sampling import RandomOverSampler

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 20])
    x = rng.normal(size=(220, 2)) + 2.0 * y[:, None]
    weights = (0, 1)
    harmed = SyntheticWeightClassifier(
        LogisticRegression(), Opposite(), weights=weights
    ).fit(x, y)
    assert harmed.weight_ == 0 and harmed.sampler_ is None
    np.testing.assert_array_equal(
        harmed.predict(x), LogisticRegression().fit(x, y).predict(x)
    )
    helped = SyntheticWeightClassifier(
        LogisticRegression(), RandomOverSampler(), weights=weights
    ).fit(x, y)
    assert helped.weight_ == 1
    assert np.mean(helped.scores_[1.0]) > np.mean(helped.scores_[0.0])
    assert list(helped.scores_) == [0.0, 1.0] and len(helped.scores_[0.0]) == 3
    assert helped.predict_proba(x).shape == (220, 2)


def test_a_weight_is_as_good_as_so_many_copies():
    """Copies with weight 2 are as good as the rows twice more: by hand."""
    from imblearn.over_sampling import RandomOverSampler

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 12])
    x = rng.normal(size=(72, 2)) + y[:, None]
    found = SyntheticWeightClassifier(
        LogisticRegression(tol=1e-8), RandomOverSampler(), weights=(2,)
    ).fit(x, y)
    x_res, y_res = found.sampler_.fit_resample(x, y)
    again = np.concatenate([x_res, x_res[72:]]), np.concatenate([y_res, y_res[72:]])
    expected = LogisticRegression(tol=1e-8).fit(*again)
    np.testing.assert_allclose(found.classifier_.coef_, expected.coef_, rtol=1e-4)


def test_the_search_refuses_what_it_cannot_do():
    x, y = moons()
    with pytest.raises(TypeError, match="takes `sample_weight`"):
        SyntheticWeightClassifier(KNeighborsClassifier(), DeepOverSampler()).fit(x, y)
    with pytest.raises(TypeError, match="must add rows"):
        SyntheticWeightClassifier(LogisticRegression(), "smote").fit(x, y)
    with pytest.raises(ValueError, match="Invalid `weights`"):
        SyntheticWeightClassifier(
            LogisticRegression(), DeepOverSampler(), weights=(-1,)
        ).fit(x, y)
    with pytest.raises(ValueError, match="at least 30 rows a class"):
        SyntheticWeightClassifier(
            LogisticRegression(), DeepOverSampler("random"), cv=30
        ).fit(x, y)

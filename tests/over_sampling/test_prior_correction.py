import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.stats import norm
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from kerasos.over_sampling import PriorCorrectedClassifier, prior_corrected
from kerasos.over_sampling.prior_correction import shift_priors

CHECKS = list(
    estimator_checks_generator(
        PriorCorrectedClassifier(LogisticRegression(), trained_priors="balanced")
    )
)


def gaussians(counts, seed=0):
    """Classes 0, 1, ... around 0, 2, 4, ... with standard deviation 1."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(2.0 * y, 1.0)[:, None], y


def posterior(x, priors):
    """Bayes' rule with the densities of `gaussians`."""
    means = 2.0 * np.arange(len(priors))
    joint = norm.pdf(x[:, None], means) * priors
    return joint / joint.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("estimator, check", CHECKS)
def test_estimator_checks(estimator, check):
    check(estimator)


def test_no_check_is_left_out():
    assert len(CHECKS) == 55


# The formula.


def test_two_classes_by_hand():
    # Odds .8 / .2 = 4 at equal priors; times the prior odds .1 / .9: 4 / 9.
    result = shift_priors([[0.2, 0.8]], [0.5, 0.5], [0.9, 0.1])
    np.testing.assert_allclose(result, [[9 / 13, 4 / 13]], rtol=1e-12)


def test_three_classes_by_hand():
    # .2 * .6/.4, .3 * .3/.4, .5 * .1/.2 = .3, .225, .25; their sum is .775.
    result = shift_priors([[0.2, 0.3, 0.5]], [0.4, 0.4, 0.2], [0.6, 0.3, 0.1])
    np.testing.assert_allclose(result, [[12 / 31, 9 / 31, 10 / 31]], rtol=1e-12)


def test_elkans_formula_for_two_classes():
    """Elkan (2001), theorem 2: b' = b'_1 (p - p b) / (b - p b + b' p - b b')."""
    p, b, b_new = 0.7, 0.5, 0.03
    expected = b_new * (p - p * b) / (b - p * b + b_new * p - b * b_new)
    result = shift_priors([[1 - p, p]], [1 - b, b], [1 - b_new, b_new])
    assert result[0, 1] == pytest.approx(expected, rel=1e-12)


def test_the_same_priors_change_nothing_and_the_way_back_undoes_it():
    q = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    a, b = [0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]
    np.testing.assert_allclose(shift_priors(q, a, a), q)
    np.testing.assert_allclose(shift_priors(shift_priors(q, a, b), b, a), q)


def test_gaussians_in_closed_form():
    """Bayes' rule under balanced priors, shifted, is Bayes' rule under the others."""
    x, priors = np.linspace(-4, 8, 50), np.array([0.9, 0.09, 0.01])
    shifted = shift_priors(posterior(x, np.ones(3) / 3), np.ones(3) / 3, priors)
    np.testing.assert_allclose(shifted, posterior(x, priors), rtol=1e-10)


# Classifiers.


def test_a_classifier_trained_on_balanced_data_becomes_calibrated():
    X, y = gaussians((20_000, 1_000))
    X_res, y_res = RandomOverSampler(random_state=0).fit_resample(X, y)
    clf = LogisticRegression().fit(X_res, y_res)
    x = np.linspace(-2, 4, 30)
    exact = posterior(x, np.array([20, 1]) / 21)
    corrected = prior_corrected(clf, y).predict_proba(x[:, None])
    assert np.abs(corrected - exact).max() < 0.03
    assert np.abs(clf.predict_proba(x[:, None]) - exact).max() > 0.3
    rare = prior_corrected(clf, y).predict_proba(X)[:, 1].mean()
    assert rare == pytest.approx(1 / 21, abs=0.005)


def test_generative_classifiers_are_corrected_exactly():
    """Copies change a discriminant analysis in its priors alone."""
    X, y = gaussians((300, 100, 100))
    copies = np.concatenate([np.arange(500), np.tile(np.flatnonzero(y > 0), 2)])
    by_hand = GaussianNB().fit(X[copies], y[copies])
    expected = GaussianNB().fit(X, y).predict_proba(X)
    result = prior_corrected(by_hand, y).predict_proba(X)
    np.testing.assert_allclose(result, expected, rtol=1e-7)


def test_a_pipeline_reads_what_its_sampler_did():
    X, y = gaussians((300, 40, 60))
    y = np.array(["a", "c", "b"])[y]
    sampler = RandomOverSampler(sampling_strategy={"c": 200}, random_state=0)
    model = PriorCorrectedClassifier(make_pipeline(sampler, GaussianNB())).fit(X, y)
    assert model.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(model.priors_, np.array([300, 60, 40]) / 400)
    np.testing.assert_allclose(model.trained_priors_, np.array([300, 60, 200]) / 560)
    again = prior_corrected(model.estimator_, y, trained_priors="sampler")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_predictions_follow_the_corrected_probabilities():
    X, y = gaussians((500, 20))
    pipeline = make_pipeline(RandomOverSampler(random_state=0), LogisticRegression())
    model = PriorCorrectedClassifier(pipeline)
    probabilities = cross_val_predict(model, X, y, method="predict_proba")
    predicted = cross_val_predict(model, X, y)
    np.testing.assert_array_equal(predicted, probabilities.argmax(axis=1))
    assert predicted.sum() < cross_val_predict(pipeline, X, y).sum()


def test_priors_by_label_and_as_an_array():
    X, y = gaussians((50, 50))
    clf = QuadraticDiscriminantAnalysis().fit(X, np.array(["no", "yes"])[y])
    by_label = prior_corrected(clf, priors={"yes": 0.1, "no": 0.9})
    as_array = prior_corrected(clf, priors=[0.9, 0.1], trained_priors=[0.5, 0.5])
    np.testing.assert_array_equal(by_label.predict_proba(X), as_array.predict_proba(X))
    series = pd.Series(np.repeat(["no", "yes"], [90, 10]))
    np.testing.assert_allclose(prior_corrected(clf, series).priors_, [0.9, 0.1])


# Errors.


@pytest.mark.parametrize(
    "params, words",
    [
        ({}, "Received: neither"),
        ({"y": [0, 1], "priors": [0.5, 0.5]}, "Received: both"),
        ({"priors": [0.5, 0.6]}, "sum to 1"),
        ({"priors": [1.0, 0.0]}, "positive"),
        ({"priors": [1.0]}, "one share for each"),
        ({"priors": {0: 0.5, 2: 0.5}}, "Received: labels"),
        ({"y": [0, 0]}, "Leave out classes that never occur"),
        ({"y": [0, 1], "trained_priors": "even"}, "Received: 'even'"),
        ({"y": [0, 1], "trained_priors": "sampler"}, "with one over-sampler"),
        ({"priors": [0.5, 0.5], "trained_priors": "sampler"}, "needs `y`"),
    ],
)
def test_wrong_priors(params, words):
    X, y = gaussians((5, 5))
    with pytest.raises(ValueError, match=words):
        prior_corrected(GaussianNB().fit(X, y), **params)


def test_an_under_sampler_needs_the_priors_told():
    X, y = gaussians((50, 10))
    pipeline = make_pipeline(RandomUnderSampler(random_state=0), GaussianNB())
    with pytest.raises(ValueError, match="RandomUnderSampler.*'balanced'"):
        PriorCorrectedClassifier(pipeline).fit(X, y)
    model = PriorCorrectedClassifier(pipeline, trained_priors="balanced").fit(X, y)
    np.testing.assert_allclose(model.trained_priors_, [0.5, 0.5])


def test_a_classifier_without_probabilities():
    X, y = gaussians((20, 20))
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        prior_corrected(LinearSVC().fit(X, y), y)
    model = PriorCorrectedClassifier(LinearSVC())
    assert not hasattr(model, "predict_proba")
    with pytest.raises(TypeError, match="LinearSVC"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="not fitted"):
        prior_corrected(DummyClassifier(), y)

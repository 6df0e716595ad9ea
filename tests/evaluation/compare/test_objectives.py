"""Metrics, scorers and costs of `compare`, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, make_scorer, recall_score

from kerasos.evaluation.compare.objectives import make_metrics

CLASSES = np.array(["good", "worn"])
CODES = np.repeat([0, 1], [8, 3])
Y = np.array([0, 0, 0, 0, 1, 1])
P = np.array([0.1, 0.2, 0.6, 0.3, 0.55, 0.9])
ARGUMENTS = (Y, (P > 0.5).astype(int), np.stack([1 - P, P], axis=1), 1)


def made(metrics=("brier",), objective=None, classes=CLASSES, codes=CODES):
    return make_metrics(metrics, objective, classes, codes)


def test_the_objective_comes_first_and_once():
    assert made(["brier", "mcc"], "mcc").names == ["mcc", "brier"]
    assert made("brier").names == ["brier"]
    found = made(["brier", "f1_macro"], "recall at precision 0.9")
    assert found.names == ["recall at precision 0.9", "brier", "f1_macro"]
    assert list(found.others) == ["recall at precision 0.9", "f1_macro"]
    assert found.costs is None


def test_recall_at_a_precision_by_hand():
    """.9 is right; .6 comes next and is wrong: 1/2 at precision 1, all at 2/3."""
    of = {p: f"recall at precision {p}" for p in ("1", "0.67", "0.6")}
    others = made(of.values()).others
    assert [others[name](*ARGUMENTS) for name in of.values()] == [0.5, 0.5, 1.0]
    three = np.array([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.5, 0.2, 0.3]])
    classes, codes = np.arange(3), np.arange(3)
    (metric,) = made([of["1"]], None, classes, codes).others.values()
    # Classes 0 and 1 are found at the top; the row of class 2 ties with a wrong one.
    expected = (1 + 1 + 0) / 3
    assert metric(codes, codes, three, 0) == pytest.approx(expected)


def test_scorers_get_decisions_probabilities_and_the_labels_of_the_data():
    named = {
        "worn found": make_scorer(recall_score, pos_label="worn"),
        "log": "neg_log_loss",
    }
    found = made(named)
    assert found.names == list(named)
    values = [found.others[name](*ARGUMENTS) for name in named]
    assert values == pytest.approx([1.0, -log_loss(Y, P)])
    by_object = made([make_scorer(f1_score, pos_label="worn")])
    expected = f1_score(Y, P > 0.5)
    assert by_object.others["f1_score"](*ARGUMENTS) == pytest.approx(expected)


def test_what_chance_raises_is_guarded():
    metrics = ["g_mean", "mcc", "f1_macro", "accuracy", "neg_log_loss", "roc_auc_ovr"]
    assert made(metrics).guarded == ["g_mean", "f1_macro"]


def test_costs_by_hand():
    found = made(objective={"miss": 100, "false_alarm": 1})
    assert found.names == ["cost", "brier"]
    assert found.costs.tolist() == [[0, 1], [100, 0]]  # the rarer comes second
    assert found.others["cost"](*ARGUMENTS) == pytest.approx(1 / 6)
    missed = (Y, np.zeros(6, int), *ARGUMENTS[2:])
    assert found.others["cost"](*missed) == pytest.approx(200 / 6)
    # Of two classes whose first is the rarer.
    turned = made(objective={"miss": 5, "false_alarm": 1}, codes=1 - CODES)
    assert turned.costs.tolist() == [[0, 5], [1, 0]]
    table = [[-1, 2, 3], [4, 0, 6], [7, 8, 0]]
    three = np.arange(3), np.arange(3)
    assert made(objective=table, classes=three[0], codes=three[1]).costs[0, 0] == -1


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"metrics": []}, ValueError, "empty"),
        ({"metrics": ["briar"]}, ValueError, "Unknown metric 'briar'.*Did you mean"),
        ({"metrics": ["f1"]}, ValueError, "'f1' cannot score.*good.*make_scorer"),
        ({"metrics": ["cost"]}, ValueError, "'cost' needs costs.*'miss': 100"),
        ({"metrics": [f1_score]}, TypeError, "make_scorer"),
        ({"metrics": {"mcc": "accuracy"}}, ValueError, "'mcc'.*another name"),
        ({"metrics": {"mine": "mcc"}}, ValueError, "'mcc'.*goes by its name"),
        ({"objective": "recall at precision 1.5"}, ValueError, "at most 1"),
        ({"objective": "recall at precision ."}, ValueError, "at most 1"),
        ({"objective": {"miss": 100}}, ValueError, "of two classes"),
        ({"objective": {"miss": "a", "false_alarm": 1}}, ValueError, "finite"),
        ({"objective": {"miss": 0, "false_alarm": 1}}, ValueError, "must cost more"),
        ({"objective": [[0, 1]]}, ValueError, r"\(2, 2\)"),
        ({"objective": [[0, np.nan], [1, 0]]}, ValueError, "finite"),
        ({"objective": [[1, 1], [1, 0]]}, ValueError, "must cost more"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        made(**options)

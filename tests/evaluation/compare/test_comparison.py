"""The tests against `none`, the sentences, and the report of `compare`."""

import re

import numpy as np
import pytest

from kerasos.evaluation import holm, paired_t_test
from kerasos.evaluation.compare.comparison import Comparison
from kerasos.evaluation.compare.scores import METRICS

CLASSIFIERS = ["logistic_regression", "mlp"]


def made_up(
    shifts, *, classifiers=CLASSIFIERS, metrics=tuple(METRICS), rows=(50, 50), **brier
):
    """A `Comparison` of scores that are told: `shifts` by method, noise by fold.

    `rows` to train on and to test on, in each of ten folds.
    """
    rng = np.random.default_rng(0)
    found = []
    for fold in range(10):
        for classifier in classifiers:
            base = 0.7 + 0.02 * rng.normal()
            for method, shift in {"none": 0.0, **shifts}.items():
                score = base + shift + 0.004 * rng.normal()
                found.append(
                    {"fold": fold, "method": method, "classifier": classifier}
                    | dict.fromkeys(METRICS, score)
                    | {"brier": 0.1 + brier.get(method, 0.0) + 0.002 * rng.normal()}
                    | {"n_train": rows[0], "n_test": rows[1], "n_added": 0}
                    | {"versions": "v 1"}
                    | {"resample_seconds": 2.0, "fit_seconds": 0.5}
                )
    return Comparison.of_rows(
        found,
        metrics=list(metrics),
        methods=["none", *shifts],
        classifiers=list(classifiers),
        counts={"no": 80, "<b>|yes": 20},
    )


@pytest.mark.parametrize("rows, ratio", [((50, 50), 1.0), ((80, 20), 0.25)])
def test_the_summary_is_the_tests_it_names(rows, ratio):
    """Corrected by rows to test on over rows to train on, not the other way."""
    result = made_up({"a": 0.05, "b": 0.0, "c": -0.05}, rows=rows)
    part = result.summary.set_index(["metric", "classifier", "method"])
    part = part.sort_index()
    rows = result.rows[result.rows.classifier == "mlp"]
    scores = rows.pivot(index="fold", columns="method", values="g_mean")
    tests = [paired_t_test(scores[m], scores["none"], ratio) for m in "abc"]
    adjusted = holm([test.p_value for test in tests])
    for name, test, p in zip("abc", tests, adjusted, strict=True):
        row = part.loc["g_mean", "mlp", name]
        assert row.p_value == pytest.approx(test.p_value)
        assert row.adjusted_p == pytest.approx(p)
        assert row.difference == pytest.approx(test.mean_difference)
        # The interval is that of the same test.
        assert row.low < row.difference < row.high
        assert ((row.low > 0) or (row.high < 0)) == (test.p_value < 0.05)
    main = part.loc["balanced_accuracy", "mlp"]
    outcomes = {"none": "", "a": "better", "b": "", "c": "worse"}
    assert main.outcome.to_dict() == outcomes
    assert list(result.mean_ranks()) in (
        ["a", "b", "none", "c"],
        ["a", "none", "b", "c"],
    )
    assert result.mean_ranks()["a"] == 1.0 and result.mean_ranks()["c"] == 4.0


def test_ties_share_a_rank():
    result = made_up({"a": 0.0})
    result.rows.loc[:, "g_mean"] = 0.5
    same = Comparison.of_rows(
        result.rows.to_dict("records"),
        metrics=["g_mean"],
        methods=result.methods,
        classifiers=result.classifiers,
        counts={},
    )
    assert same.mean_ranks() == {"a": 1.5, "none": 1.5}
    assert set(same.summary.outcome) == {""} and set(same.summary.p_value) == {1.0}


def test_less_is_better_for_brier():
    result = made_up({"a": 0.0, "b": 0.0}, metrics=["brier"], a=0.02, b=-0.02)
    outcome = result.summary.set_index(["classifier", "method"]).outcome["mlp"]
    assert outcome.to_dict() == {"none": "", "a": "worse", "b": "better"}
    assert list(result.mean_ranks()) == ["b", "none", "a"]


def test_words_where_nothing_helps():
    verdict = made_up({"smote": 0.001, "cvae": -0.05}).verdict
    assert verdict.startswith("Nothing beats doing nothing here, by balanced accuracy")
    assert verdict.count("no method differs from `none` for the better") == 2
    assert "Worse than `none` there: `cvae` (-0.0" in verdict


def test_words_where_weights_do_as_well():
    verdict = made_up({"cvae": 0.04, "class_weights": 0.06}, cvae=0.05).verdict
    assert "Nothing beats" not in verdict
    assert "With logistic regression, better than `none` (0." in verdict
    assert re.search(r"are `class_weights` \(\+0\.0\d+\), `cvae`", verdict)
    assert "No generated rows beat `class_weights`, which generates none." in verdict
    assert "The price: brier gets worse with `cvae` (+0.05" in verdict


def test_words_where_generated_rows_are_ahead():
    verdict = made_up({"cvae": 0.08, "threshold": 0.04}, classifiers=["mlp"]).verdict
    assert re.search(r"`cvae` is 0\.0[34]\d ahead of `threshold`, which", verdict)
    only = made_up({"threshold": 0.04, "cvae": 0.0}, classifiers=["mlp"]).verdict
    assert "With mlp, better than `none`" in only and " is `threshold`" in only
    assert "Nothing that generates rows is." in only


def test_markdown_holds_every_cell():
    result = made_up({"a": 0.05, "b|": -0.05})
    text = result.to_markdown()
    assert result.verdict in text and "## mlp" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 2 * (2 + 3)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 9 for line in tables)
    (line,) = [line for line in tables[:5] if line.startswith("| a ")]
    mean = result.summary["mean"][result.summary.method == "a"].iloc[0]
    assert f"{mean:.3f} ± " in line and line.count("▲") == 4
    assert line.endswith("| 1.0 | 2.0 + 0.5 |")
    assert "10 folds" in text and "50 to test on" in text and "v 1." in text


def test_the_page_needs_nothing_else(tmp_path):
    result = made_up({"<i>a</i>": 0.05, "b": 0.0})
    path = result.to_html(tmp_path / "new" / "page.html")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "data:image/png;base64,iVBOR" in page
    assert not re.search(r"(src|href)=['\"](?!data:)", page) and "http" not in page
    assert "<i>" not in page and "&lt;i&gt;a&lt;/i&gt;" in page
    assert "<code>none</code>" in page and "&lt;b&gt;|yes: 20" in page
    assert page.count("<table>") == page.count("</table>") == 2

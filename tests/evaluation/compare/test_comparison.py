"""The tests against `none`, the sentences, and the report of `compare`."""

import re

import numpy as np
import pytest

from kerasos.evaluation import holm, paired_t_test
from kerasos.evaluation.compare.comparison import Comparison
from kerasos.evaluation.compare.scores import DEFAULT_METRICS, METRICS

NO_ROWS = ("none", "class_weights", "threshold", "under_sampling")
CLASSIFIERS = ["logistic_regression", "mlp"]


GUARDED = ("g_mean", "macro_f1")


def made_up(
    shifts, *, classifiers=CLASSIFIERS, metrics=DEFAULT_METRICS, rows=(50, 50), **brier
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
                    | {"n_train": rows[0], "n_test": rows[1]}
                    | {"n_added": 0 if method in NO_ROWS else 40}
                    | {"versions": "v 1"}
                    | {"resample_seconds": 2.0, "fit_seconds": 0.5}
                )
    return Comparison.of_rows(
        found,
        metrics=list(metrics),
        methods=["none", *shifts],
        classifiers=list(classifiers),
        counts={"no": 80, "<b>|yes": 20},
        guarded=GUARDED,
    )


def rebuilt(result, rows, **options):
    """The `Comparison` of other rows with the same names."""
    options = {"metrics": result.metrics, "guarded": GUARDED, **options}
    return Comparison.of_rows(
        rows.to_dict("records"),
        methods=result.methods,
        classifiers=result.classifiers,
        counts={},
        **options,
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
    same = rebuilt(result, result.rows, metrics=["g_mean"])
    assert same.mean_ranks() == {"a": 1.5, "none": 1.5}
    assert set(same.summary.outcome) == {""} and set(same.summary.p_value) == {1.0}


def test_less_is_better_for_brier():
    result = made_up({"a": 0.0, "b": 0.0}, metrics=["brier"], a=0.02, b=-0.02)
    outcome = result.summary.set_index(["classifier", "method"]).outcome["mlp"]
    assert outcome.to_dict() == {"none": "", "a": "worse", "b": "better"}
    assert list(result.mean_ranks()) == ["b", "none", "a"]


def test_words_where_nothing_helps():
    """The strong sentence is kept for intervals that end below a gain worth having."""
    result = made_up({"smote": -0.004, "cvae": -0.05}, rows=(80, 20))
    main = result.summary[result.summary.metric == "balanced_accuracy"]
    assert (main.excluded == (main.high < 0.01)).all() and main.excluded.all()
    assert re.match(
        "Ship (mlp|logistic regression) on the data as they are: nothing beats doing "
        "nothing here. By balanced accuracy, gains of 0.01 or more are excluded",
        result.verdict,
    )
    assert result.shipped[1] == "none"
    assert result.verdict.count("every interval ends below a gain of 0.01.") == 2
    assert "Worse than `none` there: `cvae` (-0.0" in result.verdict


def test_words_where_the_data_cannot_tell():
    result = made_up({"smote": 0.001, "cvae": -0.05}, classifiers=["mlp"])
    row = result.summary.set_index(["metric", "method"]).loc[
        "balanced_accuracy", "smote"
    ]
    assert row.high > 0.01 and not row.excluded and not row.outcome
    assert "nothing beats" not in result.verdict
    assert "no method could be told apart from doing nothing" in result.verdict
    interval = f"95 % interval {row.low:+.3f} to {row.high:+.3f}"
    told = f"`smote`, {row.difference:+.3f} to `none` ({interval})"
    assert told in result.verdict
    # By hand: t(.975, 9) + z(.8) = 3.104 errors of sd sqrt(1/10 + 1) for a gain of .01.
    wide = result.rows.pivot(index="fold", columns="method", values="balanced_accuracy")
    deviation = (wide.smote - wide.none).std()
    times = (3.1038 * deviation / 0.01) ** 2 * 1.1
    assert f"a gain of 0.010 would be told by about {times:.1f} times as many rows" in (
        result.verdict
    )


def test_hopeless_numbers_of_rows_are_not_counted():
    result = made_up({"a": 0.0}, classifiers=["mlp"])
    rows, mine = result.rows.copy(), result.rows.method == "a"
    noise = np.random.default_rng(0).normal(0, 0.3, mine.sum())
    none = rows[rows.method == "none"].balanced_accuracy.to_numpy()
    rows.loc[mine, "balanced_accuracy"] = none + noise - noise.mean()
    verdict = rebuilt(result, rows).verdict
    assert "would be told by more than a hundred times as many rows" in verdict


def test_what_cannot_change_a_score_is_not_the_nearest():
    """A threshold leaves log loss as it is: no number of rows would tell a gain."""
    result = made_up({"threshold": 0.0, "a": -0.02}, metrics=["mcc"])
    rows = result.rows.copy()
    none = rows[rows.method == "none"].mcc.to_numpy()
    rows.loc[rows.method == "threshold", "mcc"] = none
    noise = np.random.default_rng(0).normal(0, 0.05, len(none))
    rows.loc[rows.method == "a", "mcc"] = none - 0.02 + noise
    again = rebuilt(result, rows, metrics=["mcc"])
    excluded = again.summary.set_index(["classifier", "method"]).excluded["mlp"]
    assert excluded["threshold"] and not excluded["a"]
    assert "the nearest is `a`" in again.verdict
    assert "nearest is `threshold`" not in again.verdict


def test_more_folds_are_named_where_they_would_do():
    """Differences of mean .002 and deviation .00805, ten folds of a tenth each.

    By hand: (.01 / (3.1038 x .00805))^2 - 1 / 9 = .0491, so 21 folds.
    """
    result = made_up({"a": 0.0}, classifiers=["mlp"], rows=(90, 10))
    rows = result.rows.copy()
    noise = np.random.default_rng(0).normal(size=10)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    none = rows[rows.method == "none"].mcc.to_numpy()
    rows.loc[rows.method == "a", "mcc"] = none + 0.002 + 0.00805 * noise
    again = rebuilt(result, rows, metrics=["mcc"])
    assert "a gain of 0.010 would be told by about 21 folds." in again.verdict


def test_what_takes_rows_away_generates_none():
    result = made_up({"under_sampling": 0.06, "cvae": 0.04}, classifiers=["mlp"])
    assert "No generated rows beat `under_sampling`, which generates none." in (
        result.verdict
    )


def test_a_threshold_that_is_as_good_is_shipped():
    """It leaves the probabilities as they are; the best mean alone is no reason."""
    shifts = {"cvae": 0.0605, "threshold": 0.06, "smote": 0.06, "random": 0.03}
    result = made_up(shifts, classifiers=["mlp"])
    assert result.shipped == ("mlp", "threshold")
    row = result.summary[result.summary.method == "threshold"].iloc[0]
    assert result.verdict.startswith(
        f"Ship `threshold` with mlp: {row['mean']:.3f} by balanced accuracy, "
        f"{row.difference:+.3f} to `none` (95 % interval {row.low:+.3f} to "
        f"{row.high:+.3f}), and the probabilities stay as they are. Not told apart "
        "from the best mean: "
    )
    told = result.verdict.split("best mean: ")[1].split(". With")[0]
    assert "`cvae` with mlp (0.7" in told and "`random`" not in told
    far = made_up({"cvae": 0.12, "threshold": 0.04}, classifiers=["mlp"])
    assert far.shipped == ("mlp", "cvae") and "Not told apart" not in far.verdict


def test_a_classifier_that_needs_no_help_is_shipped_as_it_is():
    result = made_up({"smote": 0.05})
    rows = result.rows.copy()
    rows.loc[rows.classifier == "mlp", "balanced_accuracy"] += 0.2
    mine = (rows.classifier == "mlp") & (rows.method == "smote")
    rows.loc[mine, "balanced_accuracy"] -= 0.1
    again = rebuilt(result, rows, metrics=["balanced_accuracy"], note="A note.")
    assert again.shipped == ("mlp", "none")
    assert again.verdict.startswith("Ship mlp on the data as they are, 0.9")
    assert again.verdict.endswith(" A note.")


@pytest.mark.parametrize("metric", ["g_mean", "macro_f1"])
def test_a_gain_that_chance_can_make_is_none(metric):
    """Decisions at random: a G-mean of 0 becomes .4, balanced accuracy stays."""
    result = made_up({"a": 0.05, "b": 0.05}, metrics=[metric, "mcc"])
    assert set(result.summary[result.summary.method != "none"].outcome) == {"better"}
    rows = result.rows.copy()
    rows["balanced_accuracy"] = 0.5
    mine = rows.method == "b"
    rows.loc[mine, "balanced_accuracy"] = np.random.default_rng(1).normal(
        0.6, 0.01, mine.sum()
    )
    again = rebuilt(result, rows, metrics=[metric, "mcc"])
    outcome = again.summary.set_index(["metric", "classifier", "method"]).outcome
    assert outcome[metric, "mlp", "a"] == "" and outcome[metric, "mlp", "b"] == "better"
    assert outcome["mcc", "mlp", "a"] == "better"
    assert set(again.summary.metric) == {metric, "mcc"}
    assert again.shipped[1] == "b"


def test_the_result_shows_itself():
    result = made_up({"a": 0.05})
    frame = result.to_frame()
    assert list(frame.index) == [(c, m) for c in CLASSIFIERS for m in ("none", "a")]
    assert list(frame) == result.metrics
    row = result.summary.set_index(["metric", "classifier", "method"])
    assert frame.loc[("mlp", "a"), "brier"] == row["mean"]["brier", "mlp", "a"]
    assert repr(result).startswith(result.verdict)
    assert repr(result).endswith(frame.round(3).to_string())


def test_words_where_weights_do_as_well():
    verdict = made_up({"cvae": 0.04, "class_weights": 0.06}, cvae=0.05).verdict
    assert "nothing beats" not in verdict
    assert verdict.startswith("Ship `class_weights` with ")
    assert "With logistic regression, better than `none` (0." in verdict
    assert re.search(r"are `class_weights` \(\+0\.0\d+\), `cvae`", verdict)
    assert "No generated rows beat `class_weights`, which generates none." in verdict
    assert "Brier gets worse with `cvae` (+0.05" in verdict


@pytest.mark.parametrize("mended", [False, True])
def test_the_price_of_what_is_shipped_is_said_first(mended):
    shifts = {"cvae": 0.06} | ({"cvae+isotonic": 0.0} if mended else {})
    verdict = made_up(shifts, classifiers=["mlp"], cvae=0.05).verdict
    ship, price, rest = verdict.split(". ", 2)
    assert ship.startswith("Ship `cvae` with mlp: ")
    assert re.fullmatch(r"The price: worse brier \(\+0\.0\d+\)", price)
    assert ("`cvae+isotonic` among the methods" in rest) != mended
    assert "Brier gets worse" not in rest  # not twice
    assert "`cvae+weight=0.1` would say" in rest


def test_weights_are_proposed_for_added_rows_and_once():
    """What was tried behind a name is not proposed again."""
    shifts = {"cvae": 0.06, "cvae+weight=0.1": 0.03, "cvae+weight=0.3": 0.04}
    prices = {"cvae": 0.05, "cvae+weight=0.3": 0.02}
    verdict = made_up(shifts, classifiers=["mlp"], **prices).verdict
    assert verdict.startswith("Ship `cvae` with mlp: ")
    assert re.search(
        r"worse brier .*\. Better, and in nothing found worse: `cvae[+]weight=0\.1` "
        r"\(\+0\.0\d+\)\. `cvae[+]isotonic` among",
        verdict,
    )
    assert "Brier gets worse with `cvae+weight=0.3` (+0.02" in verdict
    worse = {"class_weights": 0.05, "cvae": 0.05, "cvae+weight=0.1": 0.05}
    for shifts, isotonic, weight in (
        ({"class_weights": 0.06}, "class_weights", None),
        ({"cvae": 0.06, "cvae+weight=0.1": 0.0}, "cvae", None),
        ({"cvae": 0.06, "cvae+platt": 0.0}, None, "cvae"),
        ({"cvae+weight=0.1": 0.06}, "cvae+weight=0.1", None),
        ({"cvae+weight=0.1": 0.06, "cvae+weight=0.1+platt": 0.0}, None, None),
    ):
        verdict = made_up(shifts, classifiers=["mlp"], **worse).verdict
        assert "The price: worse brier" in verdict
        for name, what in ((isotonic, "isotonic"), (weight, "weight=0.1")):
            proposed = re.findall(rf"`([^`]*)[+]{what}` (?:among|would)", verdict)
            assert proposed == ([] if name is None else [name])


def test_distances_are_tested_where_neither_more_nor_less_is_better():
    """A slope of 1.1 beats one of .7, which beats 1.6."""
    result = made_up({"a": 0.0, "b": 0.0}, metrics=["calibration_slope"])
    rows = result.rows.copy()
    noise = np.random.default_rng(0).normal(0, 0.01, len(rows))
    slopes = rows.method.map({"none": 0.7, "a": 1.1, "b": 1.6})
    rows["calibration_slope"] = slopes + noise
    again = rebuilt(result, rows)
    part = again.summary.set_index(["classifier", "method"])
    assert part.outcome["mlp", "a"] == "better" and part.outcome["mlp", "b"] == "worse"
    assert part["mean"]["mlp", "a"] == pytest.approx(0.1, abs=0.01)
    assert again.rows.calibration_slope.max() > 1.5  # these are not distances


def test_a_cost_is_written_with_its_digits_and_gains_are_shares_of_it():
    result = made_up({"a": 0.0}, classifiers=["mlp"])
    rows, rng = result.rows.copy(), np.random.default_rng(0)
    noise = rng.normal(0, 1, len(rows))
    for gain, start in (
        (200, r"Ship `a` with mlp: 1,\d\d\d by cost, -\d\d\d to `none`"),
        (
            0,
            "Ship mlp on the data as they are, its decisions those of least expected "
            "cost: nothing beats doing nothing here. By cost, gains of 1 % or more",
        ),
    ):
        rows["cost"] = 2000 - gain * (rows.method == "a") + noise
        again = rebuilt(result, rows, metrics=["cost", "brier"])
        assert re.match(start, again.verdict), again.verdict
        excluded = again.summary.set_index(["metric", "method"]).excluded
        assert excluded["cost", "a"] == (gain == 0)


def test_words_where_generated_rows_are_ahead():
    verdict = made_up({"cvae": 0.08, "threshold": 0.04}, classifiers=["mlp"]).verdict
    assert re.search(r"`cvae` is 0\.0[34]\d ahead of `threshold`, which", verdict)
    only = made_up({"threshold": 0.04, "cvae": 0.0}, classifiers=["mlp"]).verdict
    assert "With mlp, better than `none`" in only and " is `threshold`" in only
    assert "Nothing that generates rows is." in only


def test_markdown_holds_every_cell():
    result = made_up({"a": 0.05, "b|": -0.05})
    text = result.to_markdown()
    # The first sentence in bold up to its colon, then a paragraph each.
    assert "**Ship `a` with mlp**: 0." in text and "## mlp" in text
    assert result.verdict in " ".join(text.replace("**", "").split())
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 2 * (2 + 3)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 10 for line in tables)
    (line,) = [line for line in tables[:5] if line.startswith("| a ")]
    mean = result.summary.set_index(["classifier", "method", "metric"])["mean"]
    mean = mean["mlp", "a", "balanced_accuracy"]
    assert f"{mean:.3f} ± " in line and line.count("▲") == 5
    assert line.endswith("| 1.0 | 2.0 + 0.5 |")
    assert "10 folds" in text and "50 to test on" in text and "v 1." in text


def test_the_page_needs_nothing_else(tmp_path):
    result = made_up({"<i>a</i>": 0.05, "b": 0.0})
    path = result.to_html(tmp_path / "new" / "page.html")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "<i>" not in page and "&lt;i&gt;a&lt;/i&gt;" in page
    assert "<code>none</code>" in page and "&lt;b&gt;|yes: 20" in page
    assert page.count("<table>") == page.count("</table>") == 2

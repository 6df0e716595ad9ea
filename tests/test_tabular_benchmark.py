"""The benchmark on tables: one tiny table as it runs, and its summary by hand."""

import pathlib

import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "tabular.py"


@pytest.mark.slow  # reason: starts Python and TensorFlow
def test_two_tables_and_a_second_run(tmp_path):
    rng = np.random.default_rng(0)
    for number, name in enumerate(("small", "large")):
        n = 60 + 40 * number
        frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(["x", "y"], n)})
        frame["target"] = np.where(np.arange(n) % 5 == 0, "p", "n")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    output = tmp_path / "out"
    options = [f"--data_dir={tmp_path}", f"--output_dir={output}", "--repeats=2"]
    options += ["--methods=none,class_weights,random", "--note=tiny"]
    options += ["--classifiers=logistic_regression"]
    result = script_module.run(SCRIPT, *options, "--threads=1")
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.splitlines()[:2] == ["small", "large"]
    rows = pd.read_csv(output / "tabular.csv")
    assert len(rows) == 2 * 3 * 4 and set(rows.note) == {"tiny"}
    assert set(rows.table) == {"small", "large"} and set(rows.threads) == {1}
    text = (output / "tabular.md").read_text(encoding="utf-8")
    assert "2 tables (small, large), 1 classifiers, 4 folds" in text
    kept = (output / "rows" / "small" / "rows.csv").read_text()
    with script_module.loaded(SCRIPT) as script:
        flags.FLAGS(["", *options])
        script.main([])
    assert (output / "rows" / "small" / "rows.csv").read_text() == kept
    again = pd.read_csv(output / "tabular.csv")
    pd.testing.assert_frame_equal(again.assign(threads=1), rows)


@pytest.fixture(scope="module")
def script():
    with script_module.loaded(SCRIPT) as module:
        yield module


def rows(scores):
    """`{method: score by table}`, two folds around each."""
    return pd.DataFrame(
        {
            "table": f"t{number}",
            "classifier": "lr",
            "method": method,
            "fold": fold,
            "balanced_accuracy": score + (0.01 if fold else -0.01),
            "average_precision": score,
            "brier": score,
            "resample_seconds": 1.0,
            "versions": "v",
        }
        for method, values in scores.items()
        for number, score in enumerate(values)
        for fold in range(2)
    )


def test_summary_by_hand(script):
    scores = {"none": [0.6, 0.7, 0.8], "smote": [0.7, 0.75, 0.77]}
    scores["gamo"] = [0.65, 0.8, 0.81]
    summary = script.against_none(rows(scores))
    assert summary["rank"].to_dict() == pytest.approx(
        {"gamo": 4 / 3, "smote": 2.0, "none": 8 / 3}
    )
    assert summary.points["smote"] == pytest.approx(100 * (0.1 + 0.05 - 0.03) / 3)
    assert summary.losses.to_dict() == {"gamo": 0, "smote": 1, "none": 0}
    assert summary.worst["smote"] == pytest.approx(-3)
    assert summary.worst_case["smote"] == "t2 / lr"
    assert summary.ahead["gamo"] == 3 and summary.behind["smote"] == 1
    words = " ".join(script.verdict(summary))
    assert "`gamo`, mean rank 1.33. That is ahead of `smote`, 2.00." in words
    assert "nowhere more than 2 points below `none`" in words
    ranks = script.ranks_of(rows(scores), "lr")
    assert list(ranks.average) == ["gamo", "smote", "none"] and len(ranks.blocks) == 3
    scores["gamo"][2] = 0.75
    words = " ".join(script.verdict(script.against_none(rows(scores))))
    assert "below `none` in 1 of the cases, 5.0 in the worst (t2 / lr)" in words


def test_pictures_and_text(script, tmp_path):
    scores = {"none": [0.6, 0.7, 0.8, 0.5], "smote": [0.7, 0.75, 0.77, 0.6]}
    scores["gamo"] = [0.65, 0.8, 0.81, 0.7]
    script.write(rows(scores), tmp_path)
    text = (tmp_path / "tabular.md").read_text(encoding="utf-8")
    assert "![Mean ranks](tabular_ranks_lr.png)" in text
    assert "| t0 | 0.650 | **0.700** | 0.600 |" in text
    assert "| gamo | 1.25 | 1.25 | 2.75 |" in text  # of Brier scores less is better
    assert (tmp_path / "tabular_ranks_lr.png").read_bytes()[1:4] == b"PNG"
    assert len(pd.read_csv(tmp_path / "tabular.csv")) == 24


def test_codes_are_categories(script, tmp_path):
    path = tmp_path / "car.csv"
    path.write_text("Buying,Doors,Persons,target\nlow,2,4,acc\nhigh,4,2,unacc\n")
    frame, y = script.read_table(path)
    assert frame.dtypes[["Doors", "Persons"]].tolist() == ["category", "category"]
    assert list(frame) == ["Buying", "Doors", "Persons"] and y.tolist() == [
        "acc",
        "unacc",
    ]


def test_names_of_filters_and_shares(script):
    names = ["smote", "flow~filtered@0.25", "cvae@.5", "gamo~border", "cvae@.5+platt"]
    found = script.named_methods(names)
    assert found["smote"] == "smote" and found["cvae@.5+platt"] == "cvae@.5+platt"
    quarter, half, border = (found[name] for name in names[1:4])
    assert (quarter.method, quarter.filter.border) == ("flow", None)
    assert (half.method, half.filter) == ("cvae", None)
    assert (border.filter.border, border.sampling_strategy) == (0.5, "auto")
    y = np.repeat(["a", "b", "c"], [100, 20, 61])
    assert quarter.sampling_strategy(y) == {"a": 100, "b": 40, "c": 71}
    assert half.sampling_strategy(y) == {"a": 100, "b": 60, "c": 81}
    copies = script.DeepOverSampler("random", sampling_strategy=half.sampling_strategy)
    _, y_res = copies.fit_resample(np.arange(181.0)[:, None], y)
    assert dict(zip(*np.unique(y_res, return_counts=True), strict=True)) == {
        "a": 100,
        "b": 60,
        "c": 81,
    }


@pytest.mark.parametrize("name", ["flow~new", "flow@", "flow@2", "flow@0.0", "flow~"])
def test_other_names_are_refused(script, name):
    with pytest.raises(script.app.UsageError, match="behind a name"):
        script.named_methods([name])


def test_a_row_a_weight_and_the_one_that_the_search_found(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rare = np.arange(120) % 6 == 0
    frame = pd.DataFrame({"a": rng.normal(size=120) + rare, "b": rng.normal(size=120)})
    frame.assign(target=np.where(rare, "p", "n")).to_csv(
        tmp_path / "table.csv", index=False
    )
    path = tmp_path / "out" / "weights.csv"
    path.parent.mkdir()
    options = [f"--data_dir={tmp_path}", f"--output={path}", "--samplers=random"]
    options += ["--weights=0,1", "--classifiers=logistic_regression", "--threads=0"]
    with script_module.loaded(ROOT / "benchmarks" / "synthetic_weight.py") as script:
        flags.FLAGS(["", *options])
        script.main([])
        first = capsys.readouterr().out
        script.main([])  # all are there
        again = capsys.readouterr().out
    assert "table" in first and first.endswith(again) and "table" not in again
    rows = pd.read_csv(path)
    assert rows.weight.tolist() == [0, 1, 0, 1] and rows.fold.tolist() == [0, 0, 1, 1]
    assert rows.groupby("fold").found.sum().tolist() == [1, 1]
    gains = rows.groupby("weight").brier.mean().diff()[1.0]
    *_, all_copies, found = again.splitlines()
    assert all_copies.endswith(f"{gains:+.3f} +- nan")  # over one table
    assert found.split()[:3] == ["random", "logistic_regression", "found"]
    # Copies of a sixth of the rows move the border; without them it is scikit-learn's.
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0)
    for fold, (train, test) in enumerate(folds.split(frame, rare)):
        plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        plain.fit(frame.iloc[train], rare[train])
        chance = plain.predict_proba(frame.iloc[test])[:, 1]
        without, copies = rows[rows.fold == fold].to_dict("records")
        brier = np.mean((chance - rare[test]) ** 2)
        assert without["brier"] == pytest.approx(brier, abs=6e-5)
        said, true = chance > 0.5, rare[test]
        score = (said[true].mean() + (~said[~true]).mean()) / 2
        assert without["balanced_accuracy"] == pytest.approx(score, abs=6e-5)
        assert copies["balanced_accuracy"] > score and copies["brier"] > brier
        assert copies["found"]

"""`quality` on rows worked by hand, and on generated rows with one planted fault."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict, train_test_split

from kerasos.evaluation import quality
from kerasos.evaluation.quality import associations, auc_error, manifold
from kerasos.evaluation.quality_relations import relations

SIZE = 240


def draw(seed, size=SIZE):
    """Rows with strong and weak pairs, skew, missing values and a rare category."""
    source = np.random.default_rng(seed)
    age = source.normal(50.0, 10.0, size)
    score = np.where(source.random(size) < 0.3, np.nan, age + source.normal(0, 3, size))
    job = np.where(age + source.normal(0, 5, size) < 50, "student", "worker")
    return pd.DataFrame(
        {
            "age": age,
            "weight": 2 * age + source.normal(0, 6, size),
            "score": score,
            "income": source.lognormal(3.0, 0.6, size),
            "job": pd.Categorical(np.where(source.random(size) < 0.1, "none", job)),
            "member": source.random(size) < 0.4,
            "visits": source.poisson(3.0, size),
        }
    )


REAL, OTHER, HELD = draw(0), draw(1), draw(2)


def shuffled(frame):
    source = np.random.default_rng(0)
    return frame.apply(lambda c: c.sample(frac=1.0, random_state=source).to_numpy())


def near(frame):
    """Training rows, moved by a hundredth of a standard deviation."""
    moved = REAL.copy()
    for name in ("age", "weight", "score", "income"):
        noise = np.random.default_rng(0).normal(0, 0.01, SIZE)
        moved[name] += noise * REAL[name].std()
    return moved


FAULTS = {  # what is done, the measures that move, the words of the findings
    "none": (lambda f: f, {}, set()),
    "copies": (
        lambda f: REAL,
        {"copies": 1.0, "nearer_to_real": 1.0, "membership_auc": 1.0},
        {"are copies", "give away"},
    ),
    "near copies": (
        near,
        {"nearer_to_real": 1.0, "membership_auc": 1.0},
        {"nearly copy", "give away"},
    ),
    "shuffled": (
        shuffled,
        {"strong_pairs": 0.1, "pair_difference": 0.25, "auc": 0.9, "precision": 0.5},
        {"correlations are lost", "a classifier tells", "only"},
    ),
    "clipped": (
        lambda f: f.assign(
            age=np.where(f.age > 55, REAL.age.max(), f.age),
            income=np.where(f.income < 15, REAL.income.min(), f.income),
        ),
        {"at_ends": 0.5, "auc": 0.85, "column_distance": 0.13},
        {
            "at the ends of columns",
            "one value",
            "`income` 0.30",
            "a classifier tells",
            "`age` 1.63 times",
        },
    ),
    "no rare category": (
        lambda f: f.assign(job=f.job.replace("none", "worker")),
        {},
        {"`job` = none 10.0% to 0.0%"},
    ),
    "not missing": (
        lambda f: f.assign(score=f.score.fillna(f.age)),
        {"auc": 0.66},
        {"`score` 26% to 0%"},
    ),
    "wide": (
        lambda f: f.assign(visits=f.visits * 3),
        {"auc": 0.9, "column_distance": 0.16, "precision": 0.5},
        {"`visits` 2.87 times", "`visits` 0.65", "a classifier tells", "precision"},
    ),
    "few": (
        lambda f: f.iloc[np.arange(SIZE) % 40],
        {"repeats": 0.83, "recall": 0.0, "coverage": 0.5, "auc": 0.5},
        {"repeat another", "recall"},
    ),
}


@pytest.fixture(scope="module")
def reports():
    return {
        name: quality(REAL, fault(OTHER), HELD)
        for name, (fault, _, _) in FAULTS.items()
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_moves_its_numbers_and_no_other(reports, name):
    _, moved, _ = FAULTS[name]
    summary = reports[name].to_frame().set_index("measure")
    for measure, row in summary.iterrows():
        if measure in moved:
            assert row.synthetic == pytest.approx(moved[measure], abs=0.1), measure
    still = {
        "copies": 0.01,
        "repeats": 0.01,
        "membership_auc": 0.1,
        "nearer_to_real": 0.1,
        "at_ends": 0.06,
        "pair_difference": 0.03 if name != "few" else 0.1,
        "column_distance": 0.05 if name != "few" else 0.1,
    }
    for measure in still.keys() - moved.keys():
        gap = summary.synthetic[measure] - summary.reference[measure]
        assert gap < still[measure], (measure, gap)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_said_and_no_other(reports, name):
    words, findings = FAULTS[name][2], reports[name].findings
    for word in words:
        assert any(word in finding for finding in findings), (word, findings)
    for finding in findings:
        assert any(word in finding for word in words), finding


def test_the_worst_comes_first_and_in_words(reports):
    assert (
        reports["shuffled"]
        .findings[0]
        .startswith("correlations are lost: 0.81 real, 0.06")
    )
    assert "100% of the rows in `synthetic`" in reports["copies"].findings[0]
    assert "Nothing was found wrong" in repr(reports["none"])
    assert reports["none"].verdict == "Nothing was found wrong."
    two, one = reports["copies"], reports["no rare category"]
    assert two.verdict == f"Found wrong, the worst of 2: {two.findings[0]}"
    assert one.verdict == f"Found wrong: {one.findings[0]}"


def test_nothing_is_found_in_real_rows_of_another_part():
    """Their heavy tails move standard deviations, by 2.34 in this split."""
    x, y = load_breast_cancer(return_X_y=True)
    options = {"test_size": 0.5, "random_state": 3}
    x, rest, y, y_rest = train_test_split(x, y, stratify=y, **options)
    held, new, y_held, y_new = train_test_split(
        rest, y_rest, stratify=y_rest, **options
    )
    report = quality(x, new, held, real_y=y, synthetic_y=y_new, holdout_y=y_held)
    assert report.findings == []
    assert report.tables["columns"].std_ratio.max() == pytest.approx(2.34, abs=0.01)


def test_distance_alone_misleads_and_the_ratio_does_not():
    """Rows near the middle are near to real ones, whoever made them."""
    numbers = ["age", "weight", "income"]
    real, other, held = (f[numbers] for f in (REAL, OTHER, HELD))
    inner = real.mean() + (other - real.mean()) * 0.3
    summary = quality(real, inner, held).to_frame().set_index("measure")
    assert summary.synthetic["nearest"] < 0.7 * summary.reference["nearest"]
    assert summary.synthetic["membership_auc"] < 0.6


def test_columns_follow_their_definitions():
    nan = np.nan
    real = pd.DataFrame({"a": [0.0, 1, 2, 3, nan], "b": list("xxyyy")})
    new = pd.DataFrame({"a": [2.0, 3, 3, nan, nan], "b": ["x", "z", "z", "y", None]})
    report = quality(real, new)
    assert "- (0.500)" in repr(report)  # too few rows for a classifier
    a, b = (row for _, row in report.tables["columns"].iterrows())
    assert (a.kind, b.kind) == ("number", "category")
    assert a.distance == pytest.approx(1 / 2)
    assert a.wasserstein == pytest.approx((8 / 3 - 3 / 2) / np.sqrt(1.25))
    assert a.std_ratio == pytest.approx(np.sqrt(2 / 9) / np.sqrt(1.25))
    assert (a.missing_real, a.missing_synthetic) == (0.2, 0.4)
    assert (a.ends_real, a.ends_synthetic) == (0.4, 0.4)  # 0 and 3; 3 and 3
    assert (a.top_real, a.top_synthetic) == (0.25, pytest.approx(2 / 3))
    assert (a.distinct_real, a.distinct_synthetic) == (4, 2)
    # Shares .4, .6, 0 and .25, .25, .5.
    assert b.distance == pytest.approx(0.5)
    assert (b.missing_real, b.missing_synthetic) == (0, 0.2)
    shares = report.tables["shares"].query("column == 'b'").set_index("value")
    assert shares.loc["y"].tolist()[2:] == [0.6, 0.25]
    assert shares.loc["z"].tolist()[2:] == [0.0, 0.5]


def test_associations_against_scipy_and_by_hand():
    source = np.random.default_rng(0)
    x = source.normal(size=(50, 2)) @ np.array([[1.0, 0.7], [0.0, 1.0]])
    x[:, 1] = np.exp(x[:, 1])
    linear, ranked = associations(x, np.array([0, 0]))
    assert linear[0, 1] == pytest.approx(stats.pearsonr(*x.T).statistic)
    assert ranked[0, 1] == pytest.approx(stats.spearmanr(*x.T).statistic)
    # Between groups 16 of 20; 1 - 0.2 * 3 / 2 for 4 rows in 2 groups.
    rows = np.array([[0.0, 0], [2, 0], [4, 1], [6, 1], [9, np.nan]])
    assert associations(rows, np.array([0, 2]))[0][0, 1] == pytest.approx(np.sqrt(0.7))
    # chi2 = 2 of n = 8: (0.25 - 1 / 7) / (2 - 1 / 7 - 1).
    counts = {(0, 0): 3, (0, 1): 1, (1, 0): 1, (1, 1): 3}
    rows = np.array([pair for pair, n in counts.items() for _ in range(n)], float)
    v = associations(rows, np.array([2, 2]))[0][0, 1]
    assert v == pytest.approx(np.sqrt((0.25 - 1 / 7) / (1 - 1 / 7)))


def payments(seed, size):
    """A total of two amounts with long tails, and shops unrelated to it."""
    source = np.random.default_rng(seed)
    net = source.lognormal(3.0, 1.2, size)
    fee = 0.02 * net * source.integers(0, 2, size)
    shops = 1 / np.arange(1, 41)
    shop = source.choice(40, size, p=shops / shops.sum())
    return pd.DataFrame(
        {"net": net, "fee": fee, "total": net + fee, "shop": [f"s{i}" for i in shop]}
    )


def test_a_total_that_is_no_longer_one_is_said():
    real, new = payments(0, 40), payments(1, 2000)
    assert not any("no longer" in text for text in quality(real, new).findings)
    noise = np.random.default_rng(2).normal(0.0, 0.6, 2000)
    new["total"] += noise * new["net"].std()
    r = np.corrcoef(new["net"], new["total"])[0, 1]
    assert 0.8 < r < 0.9  # too near to 1 to be among the pairs that differ by 0.2
    said = [text for text in quality(real, new).findings if "no longer" in text]
    assert len(said) == 1 and f"`net` and `total` 1.00 to {r:.2f}" in said[0]


def bills(seed, size, parts="abc"):
    """A total of parts of like size, some of them unknown, and another number."""
    source = np.random.default_rng(seed)
    frame = pd.DataFrame({name: source.gamma(2.0, 10.0, size) for name in parts})
    frame["total"] = frame.sum(axis=1)
    frame["other"] = source.normal(size=size)
    frame["rarely known"] = np.where(source.random(size) < 0.2, frame["other"], np.nan)
    frame["same"] = 1.0
    return frame.assign(a=frame["a"].where(source.random(size) > 0.2))


def test_few_rows_that_know_a_number_show_chance():
    real, new = bills(5, 400), bills(1, 100)
    del real["same"], new["same"]
    assert quality(real, new).findings == []
    new["other"] = new["other"].where(np.arange(100) < 6)  # each value 17 % of them
    findings = quality(real, new).findings
    assert any("in another share: `other` 0% to 94%" in text for text in findings)
    assert not any("too frequent" in text for text in findings)
    real["rarely known"] = real["total"].where(np.arange(400) < 10)
    pairs = quality(real, new).tables["pairs"].set_index(["column", "other"])
    assert pairs.chance["b", "c"] == pytest.approx(3.3 * np.sqrt(1 / 400 + 1 / 100))
    error = np.sqrt(1 / 10 + 1 / new["rarely known"].count())
    assert pairs.chance["total", "rarely known"] == pytest.approx(3.3 * error)


def odd(seed, size):
    """Heavy tails, mostly zeros, a total of long-tailed parts, its parts as ratios."""
    source = np.random.default_rng(seed)
    frame = pd.DataFrame(source.lognormal(3.0, 1.0, (size, 3)), columns=list("abc"))
    frame["total"] = frame.sum(axis=1)
    frame["ratio"] = frame["a"] / frame["total"]
    frame["rarely"] = (source.random(size) < 0.1) * source.lognormal(2.0, 1.5, size)
    frame["near it"] = 2 * frame["rarely"] + source.normal(0.0, 0.001, size)
    frame["tails"], frame["more"] = source.standard_cauchy((2, size))
    kind = source.integers(0, 5, size)
    frame = frame.assign(**{f"is {k}": kind == k for k in range(5)})
    return frame.assign(age=source.integers(18, 90, size))


@pytest.mark.parametrize("size", [6, 12, 30, 100, 500])
def test_nothing_is_found_in_real_rows_of_odd_columns(size):
    """A few extreme rows make a correlation, a deviation, or a row off a relation."""
    for seed in range(100, 104):
        assert quality(odd(seed, size), odd(seed + 10, size)).findings == []


def test_nothing_is_found_in_columns_of_a_few_filled_rows():
    draws = (np.random.default_rng(seed) for seed in (1, 2))
    real, new = ((d.random((60, 120)) < 0.05) * d.random((60, 120)) for d in draws)
    report = quality(scipy.sparse.csr_array(real), scipy.sparse.csr_array(new))
    assert report.findings == []
    pairs = report.tables["pairs"]
    assert pairs.real.max() > 0.8  # by chance, of two rows in three
    pair = pairs.loc[pairs.real.idxmax()]
    filled = (real != 0).sum(axis=0)
    assert pair.rows_real == min(filled[pair.column], filled[pair.other]) < 5
    assert pair.rows_synthetic == 60


def test_ranks_and_many_pairs_say_what_is_strong():
    source = np.random.default_rng(0)
    real = pd.DataFrame(source.normal(size=(20, 12))).add_prefix("n")
    real.iloc[0, 1:3] = 100.0  # one row makes a correlation of 1
    real["n3"] = real["n0"] + source.normal(0.0, 0.1, 20)
    new = pd.DataFrame(source.normal(size=(40, 12))).add_prefix("n")
    report = quality(real, new)
    pairs = report.tables["pairs"].set_index(["column", "other"])
    assert pairs.real["n1", "n2"] > 0.99 > 0.6 > pairs.spearman_real["n1", "n2"]
    (lost,) = (text for text in report.findings if "correlations are lost" in text)
    assert "(strong pairs: 1): `n0` and `n3`" in lost
    # Ranks of a number in groups: between them 4 of 5 in 1, 2 and 3, 4.
    rows = np.array([[0.0, 0], [1, 0], [2, 1], [900, 1]])
    _, ranked = associations(rows, np.array([0, 2]))
    assert ranked[0, 1] == pytest.approx(np.sqrt(1 - 0.2 * 3 / 2))


def test_few_rows_are_said_to_show_little():
    y = [0, 0, 1] + [1] * 40
    report = quality(REAL[:43], OTHER[:3], real_y=y, synthetic_y=y[:3])
    assert report.verdict == (
        "Nothing was found wrong, but 2 rows of a class show little."
    )


def test_a_spread_is_judged_without_its_largest_values():
    source = np.random.default_rng(0)
    real, new = source.normal(size=(2, 50, 1))
    new[0] = 1000.0
    column = quality(real, new).tables["columns"].iloc[0]
    assert column.std_ratio > 100
    expected = stats.levene(real[:, 0], new[:, 0], center="median").pvalue
    assert column.std_chance == pytest.approx(expected) and expected > 0.1
    assert not any("deviations" in text for text in quality(real, new).findings)
    assert any("deviations" in text for text in quality(real, new[1:] * 3).findings)


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000, 2.0**60])
def test_units_of_numbers_do_not_matter(unit):
    """Squares of such numbers overflow, or are 0; or no bin fits between two."""
    source = np.random.default_rng(0)
    real, new = (source.integers(1, 9, (40, 2)) * 1.0 for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, scaled = quality(real, 3 * new), quality(real * unit, 3 * new * unit)
        near = quality(real + 2.0**60, real + 2.0**60)
        codes = quality(1e17 + 16 * real, 1e17 + 16 * new)  # nearly identical
    assert codes.tables["columns"].std_error.gt(0).all()
    both = scaled, plain  # but for folds, which are by the bytes of rows
    found, expected = ([t for t in r.findings if "AUC" not in t] for r in both)
    assert found == expected and len(found) > 1
    for name, powers in (("mean_real", 1), ("max_synthetic", 1), ("std_ratio", 0)):
        found, expected = (r.tables["columns"][name] for r in both)
        np.testing.assert_allclose(found / unit**powers, expected, rtol=1e-9)
    found, expected = (r.tables["shares"].value.astype(float) for r in both)
    np.testing.assert_allclose(found / unit, expected, rtol=1e-9)
    assert near.tables["columns"].distance.tolist() == [0.0, 0.0]


def test_names_of_columns_may_be_tuples_or_none():
    names = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    frame = REAL[["age", "income", "job"]]
    for index in (names, pd.Index([1.5, None, "x"], dtype=object)):
        real, new = (f.set_axis(index, axis=1) for f in (frame, OTHER[frame.columns]))
        report = quality(real, new)
        assert len(report.figure().axes) >= 3
        assert "student" in report.to_markdown()


LOST = "several others no longer do (R squared)"


@pytest.mark.parametrize("size", [25, 400])
def test_a_total_of_like_parts_that_is_no_longer_one_is_said(size):
    real, new = bills(0, size), bills(1, 200)
    assert quality(real, new).findings == []
    noise = np.random.default_rng(2).normal(0.0, 0.5, 200)
    new["total"] += noise * real["total"].std()
    r = real[["a", "b", "c", "total"]].corr().to_numpy()
    assert np.sort(r[np.triu_indices(4, 1)])[-1] < 0.85  # no pair gives it away
    report = quality(real, new)
    (said,) = (text for text in report.findings if LOST in text)
    others = ", ".join(f"`{name}`" for name in report.tables["relations"].others[0])
    before, _, r2 = said.rpartition(" to ")
    assert before.endswith(f"`total` from {others} 1.00")
    assert float(r2) == pytest.approx(0.75, abs=0.06)  # 1 - 0.5 ** 2
    assert {*report.tables["relations"].others[0]} == {*"abc"}
    # Of ten parts no pair is strong, and those of weight are not all named.
    many = bills(3, 100, "abcdefghij")
    new = bills(4, 100, "abcdefghij").assign(total=many["total"])
    (said,) = quality(many, new).findings
    assert LOST in said and said.endswith(" and 6 more 1.00 to 0.00")


def test_a_relation_is_judged_in_rows_left_out_of_it():
    source = np.random.default_rng(0)
    rows = source.normal(size=(60, 6)) @ source.normal(size=(6, 6))
    rows[:, 5] = rows[:, :5].sum(axis=1) + source.normal(0.0, 0.3, 60)
    rows[:, 1] += 100.0
    new = rows[:40] + source.normal(0.0, 0.5, (40, 6))
    found = relations(rows, new, list("abcdef")).set_index("column")
    assert len(found) == 2 and found.others.map(len).max() <= 5
    middle, scale = rows.mean(axis=0), rows.std(axis=0)
    x, x_new = (rows - middle) / scale, (new - middle) / scale
    for name, row in found.iterrows():
        place = "abcdef".index(name)
        rest, model = np.delete(x, place, 1), Ridge(60 * 1e-3)
        errors = cross_val_predict(model, rest, x[:, place], cv=LeaveOneOut())
        errors = [errors - x[:, place]]
        of_new = model.fit(rest, x[:, place]).predict(np.delete(x_new, place, 1))
        errors.append(of_new - x_new[:, place])
        wide = np.quantile(np.abs(x[:, place]), 0.9)
        shares = [
            [(error**2).mean(), (np.quantile(np.abs(error), 0.9) / wide) ** 2]
            for error in errors
        ]
        assert row.real == pytest.approx(1 - max(shares[0]), abs=1e-9)
        assert row.synthetic == pytest.approx(max(0, 1 - min(shares[1])), abs=1e-9)


def test_nothing_is_found_in_halves_of_data_without_relations():
    source = np.random.default_rng(0)
    tables = [
        load_wine(return_X_y=True),
        load_breast_cancer(return_X_y=True),
        (load_diabetes().data, np.zeros(442)),
        (source.normal(size=(300, 12)), np.zeros(300)),
    ]
    for x, y in tables:
        parts = train_test_split(x, y, test_size=0.5, stratify=y, random_state=0)
        real, new, real_y, new_y = parts
        report = quality(real, new, real_y=real_y, synthetic_y=new_y)
        assert report.findings == [], x.shape
    # Nor among fewer rows than columns, heavy tails and few values.
    for draw_by in (source.normal, source.standard_cauchy, source.lognormal):
        for size in (12, 40, 200):
            real, new = draw_by(size=(2, size, 30))
            assert relations(real, new, range(30)).empty, size
    counts = source.poisson(0.3, (2, 60, 30)).astype(float)
    assert relations(*counts, range(30)).empty


def test_few_rows_of_many_categories_are_not_associated():
    real, new = payments(14, 32), payments(1, 2000)
    codes = real.assign(shop=real["shop"].factorize()[0])[["net", "shop"]].to_numpy()
    by_chance = associations(codes, np.array([0, real["shop"].nunique()]))[0][0, 1]
    assert by_chance > 0.7  # the premise: corrected for bias, and still far from 0
    report = quality(real, new)
    assert not any("`shop`" in text for text in report.findings)
    pairs = report.tables["pairs"].set_index(["column", "other"])
    assert np.isnan(pairs.real["net", "shop"]) and pairs.real["net", "total"] > 0.99
    assert pairs.synthetic["net", "shop"] < 0.2
    many = quality(payments(0, 1000), new).tables["pairs"]
    assert many.set_index(["column", "other"]).real.notna().all()


def test_manifold_by_hand():
    real = np.arange(10.0)[:, None]
    assert manifold(real, real)["precision"] == manifold(real, real)["recall"] == 1.0
    far = manifold(real, real + 100)
    assert set(far.values()) == {0.0}
    # 0 is in the balls of 0, 1, 2, 3, whose fifth neighbours are 5, 4, 3, 3 off.
    found = manifold(real, np.zeros((10, 1)))
    expected = {"precision": 1.0, "recall": 0.1, "density": 0.8, "coverage": 0.4}
    assert found == pytest.approx(expected)


def test_the_error_of_an_area():
    # Of equal distributions it is that of the rank sum.
    expected = np.sqrt((30 + 40 + 1) / (12 * 30 * 40))
    assert auc_error(0.5, 30, 40) == pytest.approx(expected)
    assert auc_error(1.0, 30, 40) == 0.0


def test_rows_are_compared_within_their_class():
    """Rows of the rare class alone are no fault, whatever the other one looks like."""
    labels = {"real_y": ["no"] * 200 + ["yes"] * 40, "synthetic_y": ["yes"] * 60}
    real = np.random.default_rng(0).normal(size=(240, 3))
    real[200:] += 4.0
    new = np.random.default_rng(1).normal(4.0, 1.0, (60, 3))
    report = quality(real, new, **labels)
    assert report.findings == []
    assert set(report.to_frame()["class"]) == {"yes"}
    assert report.counts.loc["no"].tolist() == [200, 0]
    assert quality(real, new).findings != []
    real, new = (
        pd.DataFrame(x).assign(bad=y)
        for x, y in zip((real, new), labels.values(), strict=True)
    )
    named = quality(real, new, target="bad")
    pd.testing.assert_frame_equal(named.to_frame(), report.to_frame())
    assert named.counts.index.name == "bad"


def test_usefulness_is_of_classes(reports):
    assert reports["none"].tables["usefulness"].empty
    y, y_new, y_held = (
        (frame.age > 50).map({True: "old", False: "young"})
        for frame in (REAL, OTHER, HELD)
    )
    labels = {"real_y": y, "holdout_y": y_held}
    columns = ["weight", "income"]
    real, new, held = (f[columns] for f in (REAL, OTHER, HELD))
    good = quality(real, new, held, synthetic_y=y_new, **labels)
    scores = good.tables["usefulness"].set_index("train").balanced_accuracy
    assert (scores > 0.8).all() and set(scores.index) == {
        "real",
        "synthetic",
        "real and synthetic",
    }
    bad = quality(real, new, held, synthetic_y=y_new.to_numpy()[::-1], **labels)
    scores = bad.tables["usefulness"].set_index("train").balanced_accuracy
    assert scores["synthetic"] < 0.65 < 0.8 < scores["real"]
    assert any("trained on generated rows alone is worse" in f for f in bad.findings)


def test_sparse_rows_are_like_dense_ones_and_wide_ones_are_cut():
    source = np.random.default_rng(0)
    real, new = (
        scipy.sparse.random_array((60, 8), density=0.4, rng=source) for _ in "ab"
    )
    dense = quality(real.toarray(), new.toarray())
    sparse = quality(real.tocsr(), new.tocoo())
    pd.testing.assert_frame_equal(dense.to_frame(), sparse.to_frame())
    wide = scipy.sparse.random_array((20, 3000), density=0.02, rng=source).tolil()
    other = wide.copy()
    wide[:, 7] = 1.0
    other[:, 7] = 1.0
    rare = int(np.argmin(wide.tocsc().astype(bool).sum(axis=0)))
    other[0, rare] = 5.0
    report = quality(wide, other)
    assert "200 of 3000 columns" in repr(report)
    assert 7 in set(report.tables["columns"].column)
    # A row is a copy only if all its columns are.
    copies = report.to_frame().set_index("measure").synthetic["copies"]
    assert copies == pytest.approx(19 / 20)


def test_the_seed_draws_the_rows_and_large_tables_are_cut():
    x, new = np.random.default_rng(0).normal(size=(2, 150, 3))
    first, again, other = (
        quality(x, new, max_rows=50, random_state=seed) for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert not first.to_frame().equals(other.to_frame())
    assert "At most 50 rows a class" in repr(first)


def test_a_report_is_text_a_page_and_a_picture(reports):
    report = reports["not missing"]
    assert repr(report).startswith("240 generated rows beside 240 real ones, 240 held")
    assert (
        "<td>" in report._repr_html_() and "<li>missing values" in report._repr_html_()
    )
    text = report.to_markdown("### ")
    assert (
        "### all" in text and "| column | 240 real | 240 generated | distance |" in text
    )
    line = next(line for line in text.splitlines() if line.startswith("| score "))
    assert "(26% missing) | " in line
    figure = report.figure()
    titles = [axes.get_title() for axes in figure.axes]
    assert "score (missing 26%, 0%)" in titles and titles[-3:-1] == [
        "real",
        "synthetic",
    ]
    assert report.figure(columns=["job"]).axes[0].get_title() == "job"
    with pytest.raises(ValueError, match="Invalid `columns`.*'jobs'"):
        report.figure(columns=["jobs"])


X = np.zeros((4, 2))
FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})


@pytest.mark.parametrize(
    "real, new, options, error, words",
    [
        (X, np.zeros((4, 3)), {}, ValueError, "columns of `real`. Expected 2"),
        (X[0], X, {}, ValueError, r"`real` must be a table.*shape \(2,\)"),
        (X, X[:1], {}, ValueError, "two rows at least"),
        (X, X + np.inf, {}, ValueError, "Column 0 of `synthetic` must be finite"),
        (X, X, {"real_y": [0, 1, 0, 1]}, ValueError, "Give `synthetic_y`, too"),
        (
            X,
            X,
            {"target": "y"},
            ValueError,
            "Expected 'y' in `real`. Received: ndarray",
        ),
        (FRAME, FRAME, {"target": "c"}, ValueError, r"columns \['a', 'b'\]"),
        (
            FRAME,
            FRAME,
            {"target": "b", "real_y": [0, 1]},
            ValueError,
            "Received: both",
        ),
        (
            X,
            X,
            {"real_y": [0, 1, 0, 1], "synthetic_y": [0, 0, 0, 2]},
            ValueError,
            "label that no real row has.*Received: 2",
        ),
        (
            X,
            X,
            {"real_y": [0, 1, 0, None], "synthetic_y": [0, 0, 0, 1]},
            ValueError,
            "none missing",
        ),
        (FRAME, FRAME, {"target": "b"}, ValueError, "two real and two generated rows"),
        (FRAME, FRAME.assign(a=["u", "v"]), {}, TypeError, "Column 'a'.*`synthetic`"),
        (
            FRAME.assign(a=[[1], [2]]),
            FRAME,
            {},
            TypeError,
            "Column 'a' holds values that cannot be encoded",
        ),
        (X, X, {"max_rows": 3}, ValueError, "max_rows"),
        (X, X, {"random_state": -1}, ValueError, "random_state"),
    ],
)
def test_what_does_not_fit_is_refused(real, new, options, error, words):
    with pytest.raises(error, match=words):
        quality(real, new, **options)


def test_odd_columns_are_looked_at():
    """Constant, empty, huge, dates, many words, numbers of no row in common."""
    size = 30
    source = np.random.default_rng(0)
    real = pd.DataFrame(
        {
            "constant": np.ones(size),
            "empty": np.full(size, np.nan),
            "huge": np.append(source.normal(size=size - 1), 1e12),
            "day": pd.date_range("2024-01-01", periods=size).insert(0, pd.NaT)[:size],
            "when": pd.date_range("2024-01-01 06:00", periods=size, freq="30h"),
            "span": pd.to_timedelta(np.arange(size) * 12, "h"),
            "word": [f"w{i}" for i in range(size)],
            "count": pd.array(source.integers(0, 5, size), dtype="Int64"),
            "half empty": pd.Series([None, "x"] * (size // 2)),
        }
    )
    new = real.sample(frac=1.0, random_state=0)
    report = quality(real, new[list(real)[::-1]], real.copy())
    columns = report.tables["columns"].set_index("column")
    assert columns.kind["word"] == "category" and columns.kind["day"] == "date"
    assert columns.distance.drop("empty").max() == 0.0
    assert np.isnan(columns.distance["empty"])
    assert report.to_frame().set_index("measure").synthetic["copies"] == 1.0
    assert columns.loc["day", "max_real"] == 19751.0  # days since 1970
    hours = columns.loc["when time of day", ["min_real", "max_real"]]
    assert hours.tolist() == [0.0, 18.0] and columns.kind["when"] == "date"
    assert columns.kind["when time of day"] == "number"
    assert "[2024-01-01, 2024-01-29]" in report.to_markdown()
    assert "day time of day" not in columns.index
    assert columns.kind["span"] == "duration"  # 0 to 14.5 days
    assert "7.25 ± 4.33 [0, 14.5] days" in report.to_markdown()
    assert report.figure() is not None and "| empty |" in report.to_markdown()


@pytest.mark.parametrize("dtype", ["m8[ns]", object])
@pytest.mark.parametrize("empty", [0, 1])
def test_durations_that_are_all_missing_in_a_table(dtype, empty):
    tables = [pd.DataFrame({"span": pd.to_timedelta(np.arange(20), "D")})] * 2
    tables[empty] = pd.DataFrame({"span": pd.Series([None] * 20, dtype=dtype)})
    report = quality(*tables)
    assert report.tables["columns"].kind.tolist() == ["duration"]
    assert "9.5 ± 5.77 [0, 19] days" in report.to_markdown()


def test_dates_beside_what_is_none_are_refused():
    days = pd.Series(pd.date_range("2024-01-01", periods=20))
    kinds = {"dates": days, "string": days.astype(str), "durations": days - days[0]}
    for real, column in kinds.items():
        for synthetic, other in kinds.items():
            tables = pd.DataFrame({"day": column}), pd.DataFrame({"day": other})
            if real == synthetic:
                assert "distance" in quality(*tables).tables["columns"]
                continue
            message = f"'day' must .* {real} in `real`, {synthetic} in `synthetic`"
            with pytest.raises(TypeError, match=message):
                quality(*tables)
    # What is a category, or a word among dates, may be a date alone elsewhere.
    for real in (days.astype("category"), days.astype(object).replace(days[0], "new")):
        assert quality(real.to_frame("day"), days[5:].to_frame("day")).counts.size

"""How much generated table rows look like real ones, and how safe they are.

All is looked at within classes, because an oversampler adds rows of a few classes only:
columns, pairs of columns, whole rows, copies. Each number stands beside the one that
real rows give among themselves.

References:
    Kynkäänniemi et al., Improved Precision and Recall Metric for Assessing Generative
    Models, NeurIPS 2019. Naeem et al., Reliable Fidelity and Diversity Metrics for
    Generative Models, ICML 2020 (density, coverage). Lopez-Paz and Oquab, Revisiting
    Classifier Two-Sample Tests, ICLR 2017. Van Breugel et al., Membership Inference
    Attacks against Synthetic Data through Overfitting Detection, AISTATS 2023
    (DOMIAS). Bergsma, A bias-correction for Cramér's V and Tschuprow's T, 2013. Hanley
    and McNeil, The meaning and use of the area under a ROC curve, 1982.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils import gen_batches

from kerasos.checks import check_count
from kerasos.data.arrays import rows_of_each_class
from kerasos.evaluation.compare.scores import METRICS, score_all
from kerasos.evaluation.diagnostics import nearest_distances
from kerasos.evaluation.quality_relations import TIGHT, relations
from kerasos.evaluation.quality_report import FEWEST, QualityReport
from kerasos.evaluation.quality_tables import Space, one_hot, read_tables

STRONG = 0.5  # association of a pair of columns
_PER_CATEGORY = 5  # rows, on average, for the association of a category
_QUERIES = 1000  # rows whose nearest others are looked for among all
_BINS = 20
_FOLDS = 5


def quality(
    real: Any,
    synthetic: Any,
    holdout: Any = None,
    *,
    target: str | None = None,
    real_y: ArrayLike | None = None,
    synthetic_y: ArrayLike | None = None,
    holdout_y: ArrayLike | None = None,
    max_rows: int = 3000,
    random_state: int = 0,
) -> QualityReport:
    """Compares generated table rows with real ones, class by class.

    Args:
        real: Frame, array or sparse matrix `(n, d)`, the rows that the generator was
            trained on: numbers, booleans, text, categories, dates, missing values.
        synthetic: A table like `real`, generated rows alone; of a resampled table
            `X_res[sampler.sample_is_synthetic_]`.
        holdout: A table like `real`, real rows that the generator has not seen. Only
            with it there is a test for leaks.
        target: Name of the column of class labels in each of the frames.
        real_y, synthetic_y, holdout_y: Class labels `(n,)` in place of `target`.
            Without labels all rows are of one class, "all".
        max_rows: Integer, most rows a class and table for what takes more than
            linear time: pairs, two-sample test, manifold, usefulness.
        random_state: Integer behind each draw of rows and each classifier.

    Returns:
        A `QualityReport`; print it. Its tables:

        `summary`, a row for each class and measure. Its columns are `synthetic`;
        `reference`, the same of the hold-out rows, or of one half of the real rows
        against the other if there are none (for the measures with "real" below, of
        the real rows as they are); and `error`, one standard error.
            column_distance: mean `distance` of `columns`.
            strong_pairs: mean absolute association of the pairs above 0.5 in the real
                rows, and above what chance gives in so few (real).
            pair_difference: mean absolute difference of the associations.
            at_ends: share of rows in which a number is the smallest or the largest
                that its column has in real rows (real), without columns with more
                than a tenth of their real values there.
            auc: how well gradient boosting tells real from generated rows, as many
                of both, on folds that equal rows do not straddle: 0.5 is best. Far
                below it, generated rows nearly repeat real ones.
            precision, recall: share of generated rows among the real ones, and of real
                ones among the generated (3 neighbours); density, coverage (5).
            copies: share of rows that equal a real one.
            repeats: share of rows that repeat another one, of as many of both (real).
            nearest: median distance to the nearest real row.
            nearer_to_real: share of generated rows nearer to a row of `real` than to
                one of as many of `holdout`; 0.5 is best.
            membership_auc: how well rows of `real` are told from rows of `holdout` by
                the generated ones; 0.5 is best.
        `columns`, a row for each class and column. `distance` is that of
            Kolmogorov and Smirnov for numbers, the total variation for categories;
            `chance` is what distances between samples of one distribution stay
            below, but for about one in a thousand. `wasserstein` is over the real
            standard deviation, `std_ratio` synthetic over real, `std_error` the
            standard error of its logarithm, `std_chance` how probable such spreads are
            by chance (test of Brown and Forsythe). `ends` is the share of values at an
            end, `top` that of the most frequent value; `distinct` are different values
            in as many rows of both.
        `shares`, of each category, or bin of numbers (its middle).
        `pairs`: Pearson's r, for a number and a category the correlation ratio and
            for categories Cramér's V (both corrected for bias; `real` is empty where
            categories have fewer than five rows on average, whose association is
            chance, or fewer than ten rows know both); `spearman` is the same of the
            ranks of numbers. `chance` is what differences between samples of one
            distribution stay below, where there is no association. `rows_real` and
            `rows_synthetic` are the rows that know both; where most real ones have one
            value, those that have another. Largest difference first.
        `relations`, a row for each number that several `others` give in real rows, as
            its parts give a total: `real` is R squared, over 0.98, of its linear
            regression on all others, in rows left out of it; `synthetic` that of the
            same regression in generated rows, 0 for less; both in the rows that know
            all columns, and in generated ones that are not far off the real ones.
            Looked for among columns that do not give each other two by two, and at
            most half as many of them as there are such rows.
        `usefulness`, where there are two classes: scores of gradient boosting on
            `holdout` (or else on `real`: then a little too good, and the row "real" is
            a cross-validation), trained on generated rows, real ones, or both.

    Raises:
        TypeError: If a column holds what cannot be compared.
        ValueError: If tables or labels do not fit each other.

    The distance to the nearest real row alone says little about leaks: it is small in
    dense regions for honest generators, and large for some that give training rows
    away. `membership_auc` therefore ranks rows by their distance to the nearest row of
    one half of the hold-out over that to the nearest generated row, a ratio of
    densities as in DOMIAS, and compares training rows with the other half.

    Example:

    >>> report = quality(X, X_res[sampler.sample_is_synthetic_], X_test)
    >>> report.findings[0]
    'correlations are lost: 0.92 real, 0.11 generated (strong pairs: 38): ...'
    >>> report.tables["pairs"].head(1)
    """
    check_count("max_rows", max_rows, 2 * FEWEST)
    check_count("random_state", random_state, 0)
    tables = {"real": real, "synthetic": synthetic, "holdout": holdout}
    labels = {"real": real_y, "synthetic": synthetic_y, "holdout": holdout_y}
    if holdout is None:
        del tables["holdout"]
    tables = read_tables(tables, labels, target, random_state)
    look = _Look(tables, max_rows, random_state)
    kinds = ("summary", "columns", "shares", "pairs", "relations")
    found, findings = {kind: [] for kind in kinds}, []
    for code, name in look.classes:
        frames, sentences = look.at_class(code)
        where = "" if len(tables.classes) == 1 else f"{target or 'class'} {name}: "
        findings += [(weight, where + text) for weight, text in sentences]
        for table, frame in frames.items():
            frame.insert(0, "class", [name] * len(frame))
            found[table].append(frame)
    found = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    found["usefulness"], sentences = look.usefulness()
    findings = sorted(findings + sentences, key=lambda finding: -finding[0])
    counts = {
        part: np.bincount(labels, minlength=len(tables.classes))
        for part, labels in tables.labels.items()
    }
    counts = pd.DataFrame(counts, pd.Index(tables.classes, name=target or "class"))
    notes = tables.notes + look.notes
    return QualityReport([text for _, text in findings], found, counts, notes)


class _Look:
    """The measures, on matrices; what they share is the scale and the draws."""

    def __init__(self, tables, max_rows, seed):
        self.tables, self.max_rows, self.seed = tables, max_rows, seed
        self.space = Space(tables, max_rows)
        self.is_category = tables.is_category
        self.sizes = np.array([0 if v is None else len(v) for v in tables.values])
        real = pd.DataFrame(tables.rows["real"])
        self.ends = real.agg(["min", "max"]).to_numpy()
        self.notes = []
        self.classes = list(self._classes())
        if max(np.bincount(y).max() for y in tables.labels.values()) > max_rows:
            self.notes.append(
                f"At most {max_rows} rows a class and table, drawn by chance, for "
                f"pairs, auc, precision, recall and usefulness; {_QUERIES} for nearest."
            )
        if "holdout" not in tables.rows:
            self.notes.append(
                "Reference: one half of the real rows against the other. Give "
                "`holdout` to test for leaks."
            )

    def _classes(self):
        counts = [
            np.bincount(self.tables.labels[part], minlength=len(self.tables.classes))
            for part in ("real", "synthetic")
        ]
        enough = np.min(counts, axis=0) >= 2
        if not enough.any():
            raise ValueError(
                "Some class must have two real and two generated rows. Received: "
                f"{counts[0].tolist()} real and {counts[1].tolist()} generated rows of "
                f"{self.tables.classes}. Give more rows, or no labels."
            )
        for code, name in enumerate(self.tables.classes):
            if enough[code]:
                yield code, name
            elif counts[1][code]:
                self.notes.append(f"{name}: too few rows to look at.")

    def at_class(self, code):
        """Returns `{name: frame}` and the findings of a class."""
        rows, keys = {}, {}
        for part, labels in self.tables.labels.items():
            chosen = np.flatnonzero(labels == code)
            rows[part] = self.tables.rows[part][chosen]
            keys[part] = self.tables.keys[part][chosen]
        source = np.random.default_rng(self.seed)
        real, new, held = rows["real"], rows["synthetic"], rows.get("holdout")
        if held is None or len(held) < FEWEST:
            held, mixed = None, real[source.permutation(len(real))]
        usual = (mixed[::2], mixed[1::2]) if held is None else (real, held)
        likeness, frames, at_ends = self._likeness(real, new, source)
        usual = self._likeness(*usual, source)[0]
        found = {name: (value, usual[name]) for name, value in likeness.items()}
        strong = _strong(frames["pairs"])
        sides = strong.synthetic.fillna(0.0), strong.real
        found["strong_pairs"] = tuple(side.abs().mean() for side in sides)
        found["at_ends"] = at_ends[::-1]
        found["auc"] = self._two_sample(real, new, source)
        if held is None:
            known = 1 - len(np.unique(keys["real"])) / len(real)
        else:
            known = np.isin(keys["holdout"], keys["real"]).mean()
        found["copies"] = np.isin(keys["synthetic"], keys["real"]).mean(), known
        fewest = min(len(real), len(new))
        drawn = (_some(keys[side], fewest, source) for side in ("synthetic", "real"))
        found["repeats"] = tuple(1 - len(np.unique(side)) / fewest for side in drawn)
        found |= self._nearest(real, new, held, source)
        if held is not None:
            found["membership_auc"] = self._membership(real, new, held, source)
        numbers = np.flatnonzero(~self.is_category)
        sides = (_some(rows, self.max_rows, source)[:, numbers] for rows in (real, new))
        names = [self.tables.names[place] for place in numbers]
        frames["relations"] = relations(*sides, names)
        sides = ["synthetic", "reference", "error"]
        found = {n: (*found[n], np.nan)[:3] for n in MEASURES if n in found}
        summary = pd.DataFrame(found, sides, dtype="float64").T
        findings = list(_findings(summary, frames, len(real), len(new)))
        return {"summary": summary.reset_index(names="measure"), **frames}, findings

    # Columns and pairs.

    def _likeness(self, real, new, source):
        """Returns measures, frames, and the shares of rows at the ends of columns."""
        columns, shares, at_ends = self._columns(real, new, source)
        some, others = (_some(rows, self.max_rows, source) for rows in (real, new))
        pairs = self._pairs(some, others)
        found = {
            "column_distance": columns.distance.mean(),
            "pair_difference": pairs.difference.abs().mean(),
        }
        fewest = min(len(some), len(others))
        found |= manifold(*(self.space(rows[:fewest]) for rows in (some, others)))
        return found, {"columns": columns, "shares": shares, "pairs": pairs}, at_ends

    def _columns(self, real, new, source):
        columns, shares = [], []
        at_ends = [np.zeros(len(rows), bool) for rows in (real, new)]
        fewest = min(len(real), len(new))
        for place, name in enumerate(self.tables.names):
            sides = {"real": real[:, place], "synthetic": new[:, place]}
            known = {side: column[~np.isnan(column)] for side, column in sides.items()}
            a, b = known.values()
            values = self.tables.values[place]
            unit = self.tables.units[place]
            kind = "number" if values is None else "category"
            kind = self.tables.days.get(name, kind)
            row = {"column": name, "kind": kind}
            row |= dict.fromkeys(("distance", "chance", "std_ratio"))
            for side, column in sides.items():
                row[f"missing_{side}"] = float(np.isnan(column).mean())
            if len(a) and len(b):
                compare = _compare_numbers if values is None else _compare_categories
                found, bins = compare(a, b, values)
                if values is None:
                    bins["value"] *= unit
                row |= found
                bins.insert(0, "column", [name] * len(bins))
                shares.append(bins)
            if values is None and len(a):
                ends = (a.min(), a.max(), *self.ends[:, place])
                hits = [_among(column, ends) for column in sides.values()]
                row["ends_real"], row["ends_synthetic"] = (hit.mean() for hit in hits)
                if row["ends_real"] - 2 / len(real) <= 0.1:
                    at_ends = at_ends[0] | hits[0], at_ends[1] | hits[1]
            for side, column in known.items():
                if len(column):
                    _, counts = np.unique(column, return_counts=True)
                    row[f"top_{side}"] = counts.max() / len(column)
                distinct = np.unique(_some(column, fewest, source))
                row[f"distinct_{side}"] = len(distinct)
                if values is None and len(column):
                    for measure in (np.mean, np.std, np.min, np.max):
                        row[f"{measure.__name__}_{side}"] = measure(column) * unit
            columns.append(row)
        columns = pd.DataFrame(columns).reindex(columns=COLUMNS)
        numeric = columns.columns.drop(["column", "kind"])
        columns[numeric] = columns[numeric].astype(float)
        shares = pd.concat(shares) if shares else pd.DataFrame(columns=SHARES)
        return columns, shares, [float(hits.mean()) for hits in at_ends]

    def _pairs(self, real, new):
        first, second = np.triu_indices(real.shape[1], 1)
        names = self.tables.names
        frame = pd.DataFrame(
            {
                "column": pd.Series([names[p] for p in first], dtype=object),
                "other": pd.Series([names[p] for p in second], dtype=object),
                "measure": np.array(["pearson", "correlation_ratio", "cramer_v"])[
                    self.is_category[first].astype(int) + self.is_category[second]
                ],
            }
        )
        for side, rows in (("real", real), ("synthetic", new)):
            linear, ranked = associations(rows, self.sizes)
            frame[side] = linear[first, second]
            frame[f"spearman_{side}"] = ranked[first, second]
        # What the singletons of a column of many words explain is chance.
        words = [len(np.unique(c[~np.isnan(c)])) for c in real.T] * self.is_category
        few = len(real) < _PER_CATEGORY * np.maximum(words[first], words[second])
        known = [~np.isnan(rows) * 1.0 for rows in (real, new)]
        known = [(k.T @ k)[first, second] for k in known]
        few |= known[0] < min(FEWEST, len(real))
        frame.loc[few, "real"] = np.nan
        telling = [np.array([_telling(c) for c in rows.T]) for rows in (real, new)]
        telling = [
            np.min([both, of[first], of[second]], axis=0)
            for both, of in zip(known, telling, strict=True)
        ]
        frame["chance"] = 3.3 * _slack(*telling)
        frame["rows_real"], frame["rows_synthetic"] = telling[0], known[1]
        frame.insert(5, "difference", frame.synthetic.fillna(0.0) - frame.real)
        return frame.sort_values("difference", key=np.abs, ascending=False)[PAIRS]

    # Whole rows.

    def _for_trees(self, rows):
        """Trees take 255 categories; the rarest share the last."""
        return np.where(self.is_category, np.minimum(rows, 254.0), rows)

    def _two_sample(self, real, new, source):
        """Area under the curve of telling apart, mean over folds; 0.5; its error."""
        size = min(len(real), len(new), self.max_rows)
        if size < FEWEST:
            return np.nan, 0.5, np.nan
        x = np.vstack([_some(real, size, source), _some(new, size, source)])
        y = np.repeat([0, 1], size)
        groups = pd.util.hash_pandas_object(pd.DataFrame(x), index=False).to_numpy()
        x, scores = self._for_trees(x), []
        if len(np.unique(groups)) < _FOLDS:
            return np.nan, 0.5, np.nan
        folds = GroupKFold(_FOLDS, shuffle=True, random_state=self.seed)
        for train, test in folds.split(x, y, groups):
            if len(np.unique(y[train])) == 2 == len(np.unique(y[test])):
                chance = self._trained(x[train], y[train], x[test])[:, 1]
                scores.append(roc_auc_score(y[test], chance))
        area = np.mean(scores) if scores else np.nan
        return area, 0.5, auc_error(area, size, size)

    def _distances(self, rows, others, own=False):
        """Distance of each row to the nearest of many others, in bounded memory."""
        parts = (self.space(others[part]) for part in gen_batches(len(others), 2048))
        return nearest_distances(self.space(rows), parts, own)

    def _nearest(self, real, new, held, source):
        queries = _some(new, _QUERIES, source)
        nearest, found = np.median(self._distances(queries, real)), {}
        if held is None:
            usual = self._distances(_some(real, _QUERIES, source), real, own=True)
        else:
            usual = self._distances(_some(held, _QUERIES, source), real)
            size = min(len(real), len(held))
            away = self._distances(queries, _some(held, size, source))
            gap = away - self._distances(queries, _some(real, size, source))
            found["nearer_to_real"] = (np.sign(gap).mean() + 1.0) / 2.0, 0.5
        return {"nearest": (nearest, np.median(usual)), **found}

    def _membership(self, real, new, held, source):
        held = held[source.permutation(len(held))]
        halves, areas = (held[::2], held[1::2]), []
        members = _some(real, _QUERIES, source)
        for known, others in (halves, halves[::-1]):
            rows = np.vstack([members, others[:_QUERIES]])
            # An equal row is at a distance of what rounding leaves.
            away, near = (self._distances(rows, x) + 1e-6 for x in (known, new))
            inside = np.arange(len(rows)) < len(members)
            areas.append(roc_auc_score(inside, np.log(away / near)))
        area, others = np.mean(areas), min(len(held), 2 * _QUERIES)
        return area, 0.5, auc_error(area, len(members), others)

    # Classes.

    def usefulness(self):
        """Returns a frame of scores by what was trained on, and findings."""
        labels, rows = self.tables.labels, self.tables.rows
        frame = pd.DataFrame(columns=["train", "test", *METRICS])
        counts = np.bincount(labels["real"], minlength=len(self.tables.classes))
        if len(counts) < 2:
            return frame, []
        drawn = {
            part: rows_of_each_class(y, self.max_rows, self.seed)
            for part, y in labels.items()
        }
        x = {p: self._for_trees(rows[p][chosen]) for p, chosen in drawn.items()}
        y = {part: labels[part][chosen] for part, chosen in drawn.items()}
        test = "holdout" if "holdout" in rows else "real"
        if len(np.unique(y[test])) < len(counts):
            self.notes.append("Usefulness: the hold-out lacks a class.")
            return frame, []
        chances = {}
        if test == "holdout":
            chances["real"] = self._trained(x["real"], y["real"], x[test])
            both = (
                np.concatenate([part["real"], part["synthetic"]]) for part in (x, y)
            )
            chances["real and synthetic"] = self._trained(*both, x[test])
        elif counts.min() >= 3:
            folds = StratifiedKFold(3, shuffle=True, random_state=self.seed)
            chances["real"] = np.empty((len(y[test]), len(counts)))
            for train, rest in folds.split(x[test], y[test]):
                known, labels = x[test][train], y[test][train]
                chances["real"][rest] = self._trained(known, labels, x[test][rest])
        if len(np.unique(y["synthetic"])) == len(counts):
            chances["synthetic"] = self._trained(
                x["synthetic"], y["synthetic"], x[test]
            )
        else:
            self.notes.append(
                "Usefulness: generated rows alone train no classifier of all classes."
            )
        rare = int(counts.argmin())
        scored = [
            {"train": train, "test": test}
            | score_all(y[test], chance.argmax(axis=1), chance, rare)
            for train, chance in chances.items()
        ]
        frame = pd.DataFrame(scored, columns=frame.columns)
        scores = frame.set_index("train").balanced_accuracy
        return frame, list(_of_usefulness(scores, len(y[test])))

    def _trained(self, x, y, x_test):
        known = ~np.isnan(x).all(axis=0)  # trees refuse a column without a value
        x, x_test = (np.where(known, rows, 0.0) for rows in (x, x_test))
        classifier = HistGradientBoostingClassifier(
            categorical_features=self.is_category, max_iter=50, random_state=self.seed
        )
        return classifier.fit(x, y).predict_proba(x_test)


MEASURES = (
    "column_distance strong_pairs pair_difference at_ends auc precision recall density "
    "coverage copies repeats nearest nearer_to_real membership_auc"
).split()
SIDES = "missing ends top distinct mean std min max".split()
COLUMNS = ["column", "kind", "distance", "chance", "wasserstein"]
COLUMNS += ["std_ratio", "std_error", "std_chance"]
COLUMNS += [f"{name}_{side}" for name in SIDES for side in ("real", "synthetic")]
SHARES = ["column", "value", "real", "synthetic"]
PAIRS = "column other measure real synthetic difference".split()
PAIRS += "spearman_real spearman_synthetic chance rows_real rows_synthetic".split()


def _some(rows, most, source):
    """At most so many rows, in an order by chance."""
    return rows[source.permutation(len(rows))[:most]]


def _among(column, ends):
    """Whether a value is one of some, but for the rounding of float32."""
    near = [1e-6 * min(max(ends) - min(ends), abs(end)) for end in ends]
    hits = [np.abs(column - end) <= by for end, by in zip(ends, near, strict=True)]
    return np.any(hits, axis=0)


def _telling(column):
    """Number of rows that say with what a column goes: where most are equal, others."""
    _, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    known, most = counts.sum(), counts.max(initial=0)
    return known - most if 2 * most > known else known


def _slack(a, b):
    with np.errstate(divide="ignore"):  # no row, no knowledge
        return np.sqrt(1.0 / a + 1.0 / b)


def _compare_numbers(a, b, _):
    spread = a.std()
    low, high = np.quantile(a, [0.005, 0.995])
    if low == high:
        low, high = min(a.min(), b.min()), max(a.max(), b.max())
    # From `low`, as large numbers in a narrow range leave no room for edges.
    edges = np.histogram_bin_edges([], _BINS, (0.0, high - low))
    shares = {
        side: np.histogram(np.clip(x - low, edges[0], edges[-1]), edges)[0] / len(x)
        for side, x in (("real", a), ("synthetic", b))
    }
    with np.errstate(divide="ignore"):  # its p-value, of one value and another
        distance = stats.ks_2samp(a, b, method="asymp").statistic
    found = {
        "distance": distance,
        "chance": 1.95 * _slack(len(a), len(b)),
    }
    if spread > 0:
        found["wasserstein"] = stats.wasserstein_distance(a, b) / spread
        found["std_ratio"] = b.std() / spread
        # Standard error of the logarithm, from fourth moments.
        known = [x - x.mean() for x in (a, b) if np.ptp(x) > 0]
        errors = [(stats.kurtosis(x, fisher=False) - 1) / (4 * len(x)) for x in known]
        found["std_error"] = np.sqrt(max(0.0, sum(errors)))
        found["std_chance"] = _spread_by_chance(a, b)
    middles = (low + (edges[:-1] + edges[1:]) / 2).astype(object)
    return found, pd.DataFrame({"value": middles, **shares})


def _spread_by_chance(a, b):
    """Returns the p-value of Brown and Forsythe's test of equal spread (1974).

    It weighs distances from the median, of which a few large ones, as heavy tails
    have, count for little.
    """
    if min(len(a), len(b)) < 3:
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.levene(a, b, center="median").pvalue
    return 1.0 if np.isnan(p) else float(p)


def _compare_categories(a, b, values):
    p, q = (np.bincount(x.astype(int), minlength=len(values)) / len(x) for x in (a, b))
    pooled, slack = (p + q) / 2, _slack(len(a), len(b))
    # Mean of a normal's absolute value, summed, and the spread of that sum.
    expected = np.sqrt(pooled * (1 - pooled) / (2 * np.pi)).sum() * slack
    found = {
        "distance": np.abs(p - q).sum() / 2,
        "chance": expected + 1.3 * slack,
    }
    return found, pd.DataFrame({"value": values, "real": p, "synthetic": q})


def associations(rows, sizes):
    """Association of each pair of columns, where both are known.

    Args:
        rows: Float matrix `(n, d)`, NaN for missing; categories as 0, 1, ...
        sizes: Integer array `(d,)`: number of categories, 0 for a number.

    Returns:
        Two matrices `(d, d)`: Pearson's r, correlation ratio or Cramér's V (those two
        corrected for bias), and the first two of the ranks of numbers, which is
        Spearman's r. NaN where undefined.
    """
    width = len(sizes)
    found, ranked = np.full((2, width, width), np.nan)
    numbers, categories = np.flatnonzero(sizes == 0), np.flatnonzero(sizes)
    values = pd.DataFrame(rows[:, numbers])
    grid = np.ix_(numbers, numbers)
    found[grid] = values.corr(min_periods=3)
    ranks = values.rank()
    ranked[grid] = ranks.corr(min_periods=3)
    values, ranks = ((v - v.mean()).to_numpy() for v in (values, ranks))
    blocks = [one_hot(rows[:, c], sizes[c], missing=False) for c in categories]
    with np.errstate(divide="ignore", invalid="ignore"):
        for place, (category, block) in enumerate(zip(categories, blocks, strict=True)):
            for matrix, numeric in ((found, values), (ranked, ranks)):
                ratios = _correlation_ratios(block, numeric)
                matrix[category, numbers] = matrix[numbers, category] = ratios
            for other, before in zip(categories[:place], blocks, strict=False):
                v = _cramer_v(before.T @ block)
                found[category, other] = found[other, category] = v
    return found, ranked


def _correlation_ratios(block, values):
    known = ~np.isnan(values) & (block.sum(axis=1) > 0)[:, None]
    values = np.where(known, values, 0.0)
    counts, sums = block.T @ known, block.T @ values
    n, groups = counts.sum(axis=0), (counts > 0).sum(axis=0)
    common = sums.sum(axis=0) ** 2 / n
    between = np.where(counts > 0, sums**2 / counts, 0.0).sum(axis=0) - common
    explained = between / ((values**2).sum(axis=0) - common)
    corrected = 1.0 - (1.0 - explained) * (n - 1) / (n - groups)  # epsilon squared
    corrected[(n <= groups) | (groups < 2)] = np.nan
    return np.sqrt(np.clip(corrected, 0.0, 1.0))


def _cramer_v(table):
    n = table.sum()
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    sizes = np.array(table.shape)
    if min(sizes) < 2:
        return np.nan
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    phi = max(0.0, phi - np.prod(sizes - 1) / (n - 1))
    sizes = sizes - (sizes - 1) ** 2 / (n - 1)
    return np.sqrt(min(1.0, phi / (min(sizes) - 1))) if min(sizes) > 1 else np.nan


def manifold(real, new):
    """Precision, recall (3 neighbours), density and coverage (5) of points.

    A ball around each point reaches to its third (fifth) nearest neighbour.

    Args:
        real, new: Matrices `(n, width)`, as many points of both.

    Returns:
        Dict; NaN for fewer than 10 points.
    """
    size = len(real)
    if size < FEWEST:
        names = ("precision", "recall", "density", "coverage")
        return dict.fromkeys(names, np.nan)
    (real_3, real_5), (new_3, _) = _radii(real), _radii(new)
    recalled, covered = np.zeros((2, size), bool)
    precise = inside = 0
    for part in gen_batches(size, 256):
        distances = cdist(new[part], real)
        precise += (distances <= real_3).any(axis=1).sum()
        recalled |= (distances <= new_3[part, None]).any(axis=0)
        inside += (distances <= real_5).sum()
        covered |= (distances <= real_5).any(axis=0)
    return {
        "precision": float(precise / size),
        "recall": float(recalled.mean()),
        "density": float(inside / (5 * size)),
        "coverage": float(covered.mean()),
    }


def _radii(points):
    """Distances of each point to the third and to the fifth nearest other."""
    parts = gen_batches(len(points), 256)
    found = [
        np.partition(cdist(points[part], points), (3, 5), axis=1)[:, [3, 5]]
        for part in parts
    ]
    return np.vstack(found).T


def auc_error(area, positives, negatives):
    """Standard error of an area under the ROC curve (Hanley and McNeil, 1982)."""
    area = max(area, 1.0 - area)
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (positives - 1) * (first - area**2)
    variance += (negatives - 1) * (second - area**2)
    return float(np.sqrt(variance / (positives * negatives)))


def _findings(summary, frames, num_real, num_new):
    """Yields `(weight, sentence)`. Thresholds and weights are ours.

    A difference counts beyond what chance makes of it at about three standard errors.
    """
    columns, pairs, shares = (frames[name] for name in ("columns", "pairs", "shares"))
    value, usual = summary.synthetic, summary.reference
    slack, few = _slack(num_real, num_new), np.sqrt(min(num_real, num_new))
    known = _slack(
        num_real * (1 - columns.missing_real), num_new * (1 - columns.missing_synthetic)
    )

    strong = _strong(pairs)
    words = "`{column}` and `{other}` {real:.2f} to {synthetic:.2f}"
    lost = usual.strong_pairs - value.strong_pairs
    if lost > 0.15 + 1 / few:
        text = (
            f"correlations are lost: {usual.strong_pairs:.2f} real, "
            f"{value.strong_pairs:.2f} generated (strong pairs: {len(strong)}): "
        )
        yield from _named(1.0, text, words, strong, strong.difference.abs(), 0.0)
    else:
        gap = pairs.difference.abs() - pairs.chance * _errors(len(pairs)) / 3.3
        of_ranks = (pairs.spearman_synthetic - pairs.spearman_real).abs()
        gap = gap[~(of_ranks <= pairs.chance)]  # that an outlier does not make
        yield from _named(0.0, "pairs of columns differ: ", words, pairs, gap, 0.2)
        yield from _loosened(pairs, words)

    yield from _broken(frames["relations"])

    words = "`{column}` {ends_real:.0%} to {ends_synthetic:.0%}"
    gap = columns.ends_synthetic - columns.ends_real
    excess = value.at_ends - usual.at_ends
    if excess > 0.05 + _noise(value.at_ends, usual.at_ends, slack):
        text = (
            f"values pile up at the ends of columns: {usual.at_ends:.0%} of real rows, "
            f"{value.at_ends:.0%} of generated ones: "
        )
        yield from _named(0.5 + excess, text, words, columns, gap, 0.0)
    else:
        gap -= _noise(columns.ends_real, columns.ends_synthetic, known)
        text = "values pile up at the ends of columns: "
        yield from _named(0.5, text, words, columns, gap, 0.03)

    words = "`{column}` {top_real:.0%} to {top_synthetic:.0%}"
    gap = columns.top_synthetic - columns.top_real
    gap -= _noise(columns.top_real, columns.top_synthetic, known)
    gap = gap[columns.kind != "category"]
    text = "one value is too frequent: "
    yield from _named(0.4, text, words, columns, gap, 0.03)

    words = "`{column}` {missing_real:.0%} to {missing_synthetic:.0%}"
    gap = (columns.missing_synthetic - columns.missing_real).abs()
    gap -= _noise(columns.missing_real, columns.missing_synthetic, slack)
    text = "missing values come in another share: "
    yield from _named(0.3, text, words, columns, gap, 0.05)

    words = "`{column}` = {value} {real:.1%} to {synthetic:.1%}"
    of = columns.column[columns.kind == "category"]
    of = shares[shares.column.isin(of)].reset_index(drop=True)
    low, high = (
        of[["real", "synthetic"]].min(axis=1),
        of[["real", "synthetic"]].max(axis=1),
    )
    known = of.column.map(known.set_axis(columns.column)).astype(float)
    gap = (of.synthetic - of.real).abs() - _noise(low, high, known)
    gap = gap[(high > 0.02) & (high > 2 * low)]
    text = "categories come in another share: "
    yield from _named(0.3, text, words, of, gap, 0.0)

    words = "`{column}` {std_ratio:.2f} times"
    gap = np.log(columns.std_ratio.clip(lower=0.01)).abs() - 3.3 * columns.std_error
    gap = gap[columns.std_chance < 0.001]
    yield from _named(
        0.0, "standard deviations differ: ", words, columns, gap, np.log(1.25)
    )

    words = "`{column}` {distance:.2f}"
    text = "distributions of columns differ (distance from 0 to 1): "
    gap = columns.distance - columns.chance
    yield from _named(0.1, text, words, columns, gap, 0.1)
    yield from _of_whole_rows(summary, slack)


def _errors(count):
    """Standard errors that the largest of so many differences is off at most."""
    return max(3.3, stats.norm.isf(0.0005 / max(1, count)))


def _strong(pairs):
    """The pairs that are, by their size and by more than chance, in ranks, too.

    The hyperbolic arctangent of r has a standard error of 1 / sqrt(n - 3) (Fisher,
    1921), but where an outlier makes r; the largest of many pairs is further off.
    """
    error = _slack((pairs.rows_real - 3).clip(0), np.inf)
    by_chance = np.tanh(_errors(len(pairs)) * error)
    least = pairs[["real", "spearman_real"]].abs().min(axis=1)
    can_tell = (least > by_chance) & (pairs.rows_synthetic > 3)
    return pairs[(pairs.real.abs() > STRONG) & can_tell]


def _loosened(pairs, words):
    """Yields which numbers followed from another one, as a total does, and do not now.

    The gap is in what one number leaves open of the other, sqrt(1 - r**2) of its
    standard deviation. Chance is judged where its size does not depend on r: the
    hyperbolic arctangent has a standard error of 1 / sqrt(n - 3) (Fisher, 1921).
    """
    pairs = _strong(pairs)
    of_ranks = pairs.spearman_real.where(pairs.measure == "pearson", 1.0)
    tight = pairs[(pairs.real.abs() > TIGHT) & (of_ranks.abs() > TIGHT)]
    real = tight.real.abs().clip(upper=1 - 1e-9)
    new = (tight.synthetic.fillna(0.0) * np.sign(tight.real)).clip(0.0, 1 - 1e-9)
    gap = np.sqrt(1 - new**2) - np.sqrt(1 - real**2)
    slack = _slack(*((tight[f"rows_{s}"] - 3).clip(0) for s in ("real", "synthetic")))
    gap = gap[np.arctanh(real) - np.arctanh(new) > 3.3 * slack]
    text = "columns that follow from another one no longer do (correlation): "
    yield from _named(0.2, text, words, tight, gap, 0.2)


def _broken(found):
    """Yields which numbers followed from several others, and do not now.

    Measured as in `_loosened`: R squared is that of one number in place of r squared.
    A number that is one of the others of a broken one says nothing new.
    """
    real, new = (np.sqrt(1 - found[side]) for side in ("real", "synthetic"))
    real = real.clip(lower=1e-4)
    slack = _slack(found.rows_real, found.rows_synthetic)
    found = found[(new - real > 0.2) & (np.log(new / real) > 3.3 * slack)]
    told, kept = set(), []
    for place, column, others in zip(
        found.index, found.column, found.others, strict=True
    ):
        if column not in told and told.isdisjoint(others):
            kept.append(place)
            told |= {column, *others}
    found = found.loc[kept].assign(others=found.others.map(_listed))
    words = "`{column}` from {others} {real:.2f} to {synthetic:.2f}"
    text = "columns that follow from several others no longer do (R squared): "
    yield from _named(0.2, text, words, found, (new - real)[kept], 0.0)


def _listed(names):
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(f"`{name}`" for name in names[:4]) + more


def _of_whole_rows(summary, slack):
    value, usual, error = summary.synthetic, summary.reference, summary.error
    if value.auc > 0.65 + 3 * error.auc:
        yield (
            2 * value.auc - 1.3,
            "a classifier tells generated rows from real ones: AUC "
            f"{value.auc:.2f} ± {error.auc:.2f}, where 0.50 is best",
        )
    for name, text in (
        ("precision", "of generated rows lie among the real ones"),
        ("recall", "of real rows lie among the generated ones"),
    ):
        gap = usual[name] - value[name]
        if gap > 0.15 + _noise(value[name], usual[name], slack):
            share = f"only {value[name]:.0%} {text}"
            yield gap, f"{share} ({name}; {usual[name]:.0%} for other real rows)"
    for name, weight, text in (
        ("repeats", 0.3, "of generated rows repeat another one"),
        ("copies", 1.0, "of the rows in `synthetic` are copies of real ones"),
    ):
        gap = value[name] - usual[name]
        if gap > 0.01 + _noise(value[name], usual[name], slack):
            share = f"{value[name]:.0%} {text}"
            yield weight + gap, f"{share} ({usual[name]:.0%} for real rows)"
    if value.copies < 0.5 and value.nearest < 0.2 * usual.nearest:
        yield (
            1.0,
            "generated rows nearly copy real ones: distance to the nearest "
            f"{value.nearest:.2g}, for other real rows {usual.nearest:.2g}",
        )
    area = value.get("membership_auc", np.nan)
    if area > 0.6 + 3 * error.get("membership_auc", np.nan):
        yield (
            0.5 + area,
            "generated rows give away which real rows they were made from: "
            f"membership AUC {area:.2f} ± {error.membership_auc:.2f}, where 0.50 is "
            "best",
        )


def _of_usefulness(scores, num_test):
    real, noise = scores.get("real", np.nan), 0.5 / np.sqrt(num_test)
    for train, least, text in (
        ("synthetic", 0.1, "a classifier trained on generated rows alone is worse"),
        ("real and synthetic", 0.03, "generated rows harm a classifier"),
    ):
        lost = real - scores.get(train, np.nan)
        if lost > least + noise:
            yield (
                lost,
                f"{text}: balanced accuracy {scores[train]:.2f}, {real:.2f} with real "
                "rows",
            )


def _noise(a, b, slack):
    """Three standard errors of the difference of two shares, and a little."""
    mean = (a + b) / 2
    return 3.3 * slack * np.sqrt(mean * (1 - mean))


def _named(weight, text, words, frame, gap, least):
    """Yields a sentence that names the three rows of `frame` with the largest gap."""
    gap = gap[gap > least].sort_values(ascending=False, kind="stable")
    if len(gap):
        worst = frame.loc[gap.index[:3]].to_dict("records")
        named = ", ".join(words.format_map(row) for row in worst)
        more = len(gap) - len(worst)
        named += f" and {more} more" if more else ""
        yield (
            min(1.0, weight + gap.iloc[0]) if least > -np.inf else weight,
            text + named,
        )

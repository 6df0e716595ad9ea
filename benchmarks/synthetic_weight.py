"""What generated rows of tables should weigh, and whether a search finds it.

    python benchmarks/synthetic_weight.py --data_dir DIR --output weights.csv

For every `*.csv` of the folder (last column `target`), the smallest first, each fold
of the first repeats of `tabular.py`'s cross-validation, and each sampler and
classifier: `SyntheticWeightClassifier` searches a weight inside the training part
(three folds, by balanced accuracy). Then the classifier is trained with every weight
that it tried, on the same real and generated rows, and scored on the test part. So a
row of the CSV file is a weight, 0 for none of the generated rows, 1 for an
oversampler as it is; `found` marks the one of the search. The scores are those of
`compare`. Tables with a class of fewer than six rows are left out. What is in the file
is not done again. At the end it prints what each weight is above 0, over the tables.
"""

import itertools
import pathlib

import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads
from harness.tables import read_table
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline

from kerasos.evaluation.compare.contenders import CLASSIFIERS
from kerasos.evaluation.compare.encoding import encoder_for
from kerasos.evaluation.compare.scores import score_all
from kerasos.over_sampling import DeepOverSampler, SyntheticWeightClassifier
from kerasos.over_sampling.estimators import seeded, synthetic_weights, weights_for

_DATA = flags.DEFINE_string("data_dir", None, "Folder of CSV files.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file.", required=True)
_TABLES = flags.DEFINE_list("tables", None, "Names of tables; default: all.")
_SAMPLERS = flags.DEFINE_list("samplers", "smote,flow", "Names of methods.")
_CLASSIFIERS = flags.DEFINE_list(
    "classifiers", "logistic_regression,gradient_boosting", "As in `compare`."
)
_WEIGHTS = flags.DEFINE_list("weights", "0,0.1,0.3,1,3", "To try.")
_REPEATS = flags.DEFINE_integer("repeats", 1, "Of the two folds.", 1)
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes folds, samplers and classifiers.")
KEY = ["table", "fold", "sampler", "classifier"]
SCORES = ("balanced_accuracy", "average_precision", "brier")
SEARCHED = 3  # folds of the search


def scores_by_weight(sampler, classifier, train, test):
    """Returns the weight that the search finds, and the test scores of each.

    Args:
        sampler: Unfitted, of rows.
        classifier: Unfitted, of rows, and takes weights.
        train, test: `(frame, labels)`.
    """
    weights = [float(weight) for weight in _WEIGHTS.value]
    search = SyntheticWeightClassifier(
        classifier,
        sampler,
        weights=weights,
        cv=SEARCHED,
        random_state=_SEED.value,
    )
    found = search.fit(*train).weight_
    rows, labels = seeded(sampler, _SEED.value).fit_resample(*train)
    scores, (x_test, y_test) = [], test
    classes, counts = np.unique(train[1], return_counts=True)
    y_test = np.searchsorted(classes, y_test)
    for weight in weights:
        fitted = seeded(classifier, _SEED.value)
        each = synthetic_weights(len(labels), len(train[1]), weight)
        kept = each > 0
        fitted.fit(rows[kept], labels[kept], **weights_for(fitted, each[kept]))
        chance = fitted.predict_proba(x_test)
        all_scores = score_all(y_test, chance.argmax(axis=1), chance, counts.argmin())
        of_weight = {"weight": weight, "found": weight == found}
        scores.append(of_weight | {name: all_scores[name] for name in SCORES})
    return scores


def summary(rows):
    """Returns what each weight, and the one found, is above 0: mean and its error.

    Means over the tables, of a table over its folds.
    """
    kinds, lines = ["sampler", "classifier"], []
    found = rows[rows.found].assign(weight="found")
    for names, each in pd.concat([rows, found]).groupby(kinds, sort=False):
        means = each.groupby(["table", "weight"])[[*SCORES]].mean().unstack("weight")
        for weight in each.weight.unique():
            line = dict(zip(kinds, names, strict=True)) | {"weight": weight}
            for score in SCORES:
                gains = means[score, weight] - means[score, 0.0]
                error = gains.sem() if weight != 0 else 0.0
                line[score] = f"{gains.mean():+.3f} +- {error:.3f}"
            lines.append(line)
    return pd.DataFrame(lines).to_string(index=False)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    output = pathlib.Path(_OUTPUT.value)
    rows = pd.read_csv(output) if output.is_file() else pd.DataFrame(columns=KEY)
    paths = pathlib.Path(_DATA.value).glob("*.csv")
    facts = {"seed": _SEED.value, "versions": provenance(_THREADS.value)}
    folds = RepeatedStratifiedKFold(
        n_splits=2, n_repeats=_REPEATS.value, random_state=_SEED.value
    )
    for path in sorted(paths, key=lambda path: path.stat().st_size):
        if _TABLES.value and path.stem not in _TABLES.value:
            continue
        frame, y = read_table(path)
        if pd.Series(y).value_counts().min() < 2 * SEARCHED:
            print(f"{path.stem}: left out, for a class has too few rows to search on")
            continue
        splits = enumerate(folds.split(frame, y))
        cells = itertools.product(splits, _SAMPLERS.value, _CLASSIFIERS.value)
        for (fold, (train, test)), sampler, name in cells:
            run = dict(zip(KEY, (path.stem, fold, sampler, name), strict=True))
            if (rows[KEY] == [*run.values()]).all(axis=1).any():
                continue
            parts = [(frame.iloc[place], y[place]) for place in (train, test)]
            classifier = CLASSIFIERS[name]
            whole = make_pipeline(encoder_for(classifier, frame), classifier)
            found = scores_by_weight(DeepOverSampler(sampler), whole, *parts)
            new = pd.DataFrame([run | each | facts for each in found])
            print(new[new.found].to_string(header=False), flush=True)
            rows = pd.concat([rows, new]) if len(rows) else new
            rows.round(4).to_csv(output, index=False)
    if len(rows):
        print(summary(rows.astype({"found": bool})))


if __name__ == "__main__":
    app.run(main)

"""Whether rebalancing helps on a data set: repeated cross-validation, end to end."""

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import pathlib
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasos.annotations import PathLike
from kerasos.checks import check_number
from kerasos.evaluation.compare.at_once import run_at_once
from kerasos.evaluation.compare.comparison import Comparison
from kerasos.evaluation.compare.folds import make_folds
from kerasos.evaluation.compare.rebalanced import RECALIBRATIONS
from kerasos.evaluation.compare.result_rows import append_rows, read_rows
from kerasos.evaluation.compare.scores import (
    DEFAULT_METRICS,
    METRICS,
    reliability,
    score_all,
)
from kerasos.randomness.seeds import derive_seed
from kerasos.version import __version__

ROWS_FILE = "rows.csv"
COLUMNS = [
    *("fold", "method", "classifier", *METRICS),
    *("others", "reliability", "reliability_corrected"),
    *("n_train", "n_added", "n_test", "resample_seconds", "fit_seconds"),
    *("seed", "versions", "config"),
]


def compare(
    X: Any,
    y: ArrayLike | None,
    methods: Any,
    classifiers: Any = None,
    cv: Any = None,
    *,
    groups: ArrayLike | None = None,
    objective: Any = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    smallest_gain: Any = 0.01,
    n_jobs: int | None = None,
    random_state: int = 0,
    output_dir: PathLike | None = None,
    verbose: int = 1,
) -> Comparison:
    """Compares ways of rebalancing a training set by what classifiers then score.

    Every method gets the same folds and the same seeds. Resampling sees the training
    rows of a fold and nothing else, so no generated row and no row behind one is ever
    tested on. Encodings are fitted on the training rows, too. Each method is then
    tested against `none`, by the t-test that is corrected for folds that share rows,
    with Holm's correction for the number of methods; `Comparison.verdict` says in
    words what to ship and why, also where nothing beats doing nothing, and where the
    data cannot tell.

    Images are classified by a small network, which takes equally many updates after
    every method, so that copies and generated images get it no more training.

    Args:
        X: Frame or array `(n, num_features)`: numbers, booleans, strings, categories,
            dates. Or images, an array `(n, height, width)` or `(n, height, width,
            channels)` of any numbers, or a finite `tf.data.Dataset` of images and
            labels, such as `keras.utils.image_dataset_from_directory` gives, which is
            read into memory; its names of classes are the labels.
        y: Labels `(n,)` or a frame or array of one column, two classes or more, each in
            every training and test part. None for a dataset.
        methods: List of names, or dict of a name of yours to a name or to a sampler
            (any object with `fit_resample`). Names: "none", always compared with;
            "class_weights", weights inverse to the classes' frequencies;
            "threshold", the decision threshold moved to the best value of the
            objective by cross-validation inside the training rows (of more than two
            classes: probabilities over the classes' frequencies), probabilities as
            they were; with costs "cost_weights", rows weighted by what their mistakes
            cost; "under_sampling", as many rows of each class as of the rarest,
            "near_miss" and "edited_nearest_neighbours", by distances of encoded rows;
            "balanced_bagging", the classifier in ten balanced bags; and all of
            `kerasos.list_methods()`, "random" (copies) and "smote" among them, by
            `DeepOverSampler` with its defaults.
            "+prior_corrected", "+isotonic" or "+platt" behind a name ("smote+platt",
            also behind one of yours) mends its probabilities: by the classes' shares,
            or on real rows left out, for which it is trained five times more. The
            decision is then for the likeliest class, or for the least expected cost.
            "+weight=0.1" behind the name of what adds rows ("flow+weight=0.1", before a
            recalibration: "flow+weight=0.1+isotonic") trains classifiers with these
            rows at a tenth of the weight of a real one; any number above 0, 1 is the
            name without it. Samplers of yours must leave the real rows in front.
            For images also the losses "balanced_softmax", "logit_adjusted" (the same at
            its default tau), "class_balanced_focal" and "ldam" (with
            `NormalizedDense` and `DeferredReweighting`); "mixup"; and "augment",
            copies, and every image of a batch moved at random. A value of the dict may
            be a function from class
            counts to a `keras.losses.Loss` on logits, as
            `functools.partial(LogitAdjusted, tau=1.5)`. "threshold" is probabilities
            over frequencies there, of two classes, too; there are no bags and weights
            by cost.
        classifiers: List of "logistic_regression", "gradient_boosting" (scikit-learn's
            histogram one), "mlp" (default: these three), and of imbalanced-learn's
            "balanced_random_forest", "easy_ensemble" and "rus_boost", which balance by
            themselves; or dict of name to classifier with `predict_proba`. They get
            one-hot categories and standardised numbers, a `Pipeline` the frame as it
            is. For images: "cnn", that is `small_cnn` (default), or a dict of name to
            an `ImageClassifier`, or to a function from `(input_shape, num_classes)` to
            a Keras model of logits. Probabilities are the softmax of its outputs; with
            the first two losses those for the data as they are; with LDAM of its
            cosines, scaled.
        cv: None: five folds, five times, stratified (`benchmarks/compare_power.py`
            says what gains they find), for images five folds, once; an integer: folds,
            once; one of scikit-learn's splitters; or a list of pairs of row numbers, to
            train on and to test on. Where no row is in two parts of these, the t-test
            is the ordinary one. Three folds tell large gains of few methods at best.
            Where it is None or an integer, rows with the same values stay in one fold,
            unless too few of a class would be left; the verdict says so.
        groups: Array `(n,)` that names what each row belongs to, a patient say. All
            rows of a group stay in one fold.
        objective: What the verdict is about. Default: the first of `metrics`. A
            metric; `{"miss": 100, "false_alarm": 1}`, what mistakes about the rarer
            of two classes cost, or costs `(num_classes, num_classes)` of each class
            decided as each: "cost" is their mean over rows, and `none` decides for the
            least expected cost; or "recall at precision 0.9", the largest recall at
            which the precision is at least that.
        metrics: List of what else is reported, or dict of a name of yours to a scorer:
            "balanced_accuracy", "g_mean", "macro_f1", "average_precision"
            (the rarer of two classes, or the mean over classes), "brier" (smaller is
            better, as for the next three), "log_loss", "calibration_error",
            "mcc", "roc_auc"; "calibration_slope" and "calibration_intercept", tested
            by their distance from 1 and 0; and scorers of scikit-learn, by name or
            from `make_scorer`. A gain in what decisions at random can raise ("g_mean",
            "macro_f1", "f1", "recall", ...) counts only where there is one in
            "balanced_accuracy".
        smallest_gain: Float, at least 0, the gain in the objective that is worth
            having; of a cost, as a share of that of `none`. That nothing helps is
            said only where larger ones are excluded.
        n_jobs: Integer, how many folds and methods run at once, or None for one, or
            for what `joblib.parallel_config` says, also on other machines ("dask",
            "ray", see docs/cluster.md), where None means all workers. Rows are the same
            as with one. One for images, whose networks take all processors.
        random_state: Integer behind folds, samplers and classifiers. Any `random_state`
            of samplers and classifiers is set from it; for networks the seeds of
            Python, NumPy and Keras are.
        output_dir: Folder for `rows.csv`, to which each finished combination of fold,
            method and classifier is added. A later call skips those that are there
            with the same data, folds, settings and versions. `pictures/METHOD.png`
            shows images that a method has generated. Default: no file.
        verbose: 0 for silence, 1 for a progress bar.

    Returns:
        A `Comparison`.

    Raises:
        TypeError: If a method or a classifier lacks what is needed, or a column
            cannot be encoded.
        ValueError: If a name is unknown, the data cannot be split, or a sampler whose
            rows are weighed has not left the real ones in front.
        RuntimeError: If workers of a cluster died with a part of it again and again,
            when all other parts are done; or if a worker has other versions.

    Example:

    >>> result = compare(frame, target, ["class_weights", "smote", "cvae"])
    >>> print(result.verdict)
    >>> result.to_html("comparison.html")
    >>> images = keras.utils.image_dataset_from_directory("animals")
    >>> compare(images, None, ["augment", "balanced_softmax", "cvae"], output_dir="out")

    Reference:
        Nadeau, Bengio. Inference for the Generalization Error, Machine Learning 2003.
        Holm. A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    from kerasos.evaluation.compare.images import Images, are_images
    from kerasos.evaluation.compare.tables import Tables
    from kerasos.over_sampling.inputs import check_containers

    check_containers(X, y)
    check_number("smallest_gain", smallest_gain, 0.0)
    kind = Images if are_images(X) else Tables
    data = kind(X, y, methods, classifiers, objective, metrics, random_state)
    classes, codes = data.classes, data.codes
    cv, n_jobs = data.arranged(cv, groups, n_jobs)
    folds = make_folds(data.X, codes, classes, cv, groups, random_state)
    data.check_folds(folds.splits)
    output_dir = None if output_dir is None else pathlib.Path(output_dir)
    data.open(output_dir)
    plan = _Plan(data, folds.splits, random_state)
    path = None if output_dir is None else output_dir / ROWS_FILE
    return Comparison.of_rows(
        plan.run(path, verbose, n_jobs),
        metrics=data.metrics.names,
        methods=[contender.name for contender in data.contenders],
        classifiers=list(data.classifiers),
        counts=dict(zip(classes.tolist(), np.bincount(codes).tolist(), strict=True)),
        smallest_gain=smallest_gain,
        note=folds.note,
        guarded=data.metrics.guarded,
        models=data.models(),
        pictures=data.pictures,
        ratio=None if folds.share_rows else 0.0,
    )


@dataclasses.dataclass(frozen=True)
class Training:
    """What classifiers are trained on in a fold: rows as they were, and resampled.

    `seconds` is how long resampling took. `inner` holds what recalibration needs, see
    `Rebalanced.resample_inner`, and `inner_seconds` how long that took.
    """

    fold: int
    X: object
    y: np.ndarray
    X_res: object
    y_res: np.ndarray
    seconds: float
    inner: Sequence = ()
    inner_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What a classifier says of the test rows.

    Attributes:
        decided: Integers `(n_test,)`, places of labels.
        probabilities: Floats `(n_test, num_classes)`.
        corrected: The same for the classes' real shares, or None if trained on those.
        seconds: How long it was trained.
    """

    decided: np.ndarray
    probabilities: np.ndarray
    corrected: np.ndarray | None
    seconds: float


@dataclasses.dataclass
class _Plan:
    """All combinations, and the rows of those that are done.

    `data` is a `tables.Tables` or what answers as it does.
    """

    data: object
    folds: list
    seed: int

    def run(self, path, verbose, n_jobs):
        """Runs what is not in the file yet; returns all rows, in order."""
        from tqdm.auto import tqdm

        configs = self._configs()
        done = {}
        for row in [] if path is None else read_rows(path, COLUMNS):
            if row["config"] in configs.values():
                done[row["config"]] = _typed(row)
        tasks = []
        for fold in range(len(self.folds)):
            for together in _by_sampler(self.data.contenders):
                parts = []
                for contender in together:
                    names = [
                        name
                        for name in self.data.classifiers
                        if configs[fold, contender.name, name] not in done
                    ]
                    if names:
                        parts.append((contender, names))
                if parts:
                    tasks.append((fold, parts))
        settings = {"mininterval": 1.0, "disable": not verbose}
        with tqdm(total=len(configs), initial=len(done), **settings) as bar:
            for row in self._rows_of_all(tasks, n_jobs, path):
                row["config"] = configs[row["fold"], row["method"], row["classifier"]]
                if path is not None:
                    append_rows(path, COLUMNS, [row])
                done[row["config"]] = row
                bar.set_postfix_str(f"fold {row['fold']}, {row['method']}", False)
                bar.update()
        return [_unpacked(done[config]) for config in configs.values()]

    def _rows_of_all(self, tasks, n_jobs, path):
        """Yields rows as they are finished, in any order."""
        lost = []
        for row in run_at_once(self._rows_of, tasks, n_jobs, lost):
            if row["versions"] != versions():
                raise RuntimeError(
                    "A worker of the cluster has other versions, so its rows are not "
                    f"like those of this process. Expected {versions()}. Received: "
                    f"{row['versions']}. Install the same ones there."
                )
            yield row
        if lost:
            raise RuntimeError(_lost_message(lost, len(tasks), path))

    def _rows_of(self, fold, parts):
        """Yields a row for each contender and classifier; resamples once.

        `parts` are pairs of a contender and names of classifiers. Where there are
        several contenders, they have the same sampler.
        """
        train, test = self.folds[fold]
        seed = derive_seed(self.seed, "compare", fold)
        training = None
        for contender, classifiers in parts:
            with _placed(fold, contender), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Classes .* have one sample each")
                training = self.data.training(fold, contender, train, seed, training)
            resample_seconds = training.seconds
            if contender.recalibration in RECALIBRATIONS:
                resample_seconds += training.inner_seconds
            for name in classifiers:
                with _placed(fold, contender, name):
                    row = self._evaluated(name, contender, training, test)
                row |= {
                    "fold": fold,
                    "method": contender.name,
                    "classifier": name,
                    "n_train": len(train),
                    "n_added": len(training.y_res) - len(train),
                    "n_test": len(test),
                    "resample_seconds": round(resample_seconds, 4),
                    "seed": seed,
                    "versions": versions(),
                }
                yield {column: row[column] for column in COLUMNS if column in row}

    def _evaluated(self, name, contender, training, test):
        found = self.data.evaluate(name, contender, training, test)
        rare = int(np.bincount(self.data.codes).argmin())
        truth = self.data.codes[test]
        arguments = truth, found.decided, found.probabilities, rare
        others = {
            name: score(*arguments) for name, score in self.data.metrics.others.items()
        }
        corrected = ""
        if found.corrected is not None:
            corrected = reliability(truth, found.corrected, rare)
        return score_all(*arguments) | {
            "others": json.dumps(others) if others else "",
            "reliability": reliability(truth, found.probabilities, rare),
            "reliability_corrected": corrected,
            "fit_seconds": round(found.seconds, 4),
        }

    def _configs(self):
        """Returns {(fold, method, classifier): hash of all that decides its row}."""
        import joblib

        data, metrics = self.data, self.data.metrics
        prints = data.fingerprint() + joblib.hash(data.codes)
        configs = {}
        for fold, rows in enumerate(self.folds):
            split = joblib.hash(rows)
            for contender in data.contenders:
                aims = f"{metrics.costs} {metrics.others}"
                mended = str(contender.recalibration)
                if contender.synthetic_weight is not None:
                    mended += f" {contender.synthetic_weight!r}"
                if contender.kind == "threshold":
                    aims += metrics.names[0]
                for name, classifier in data.classifiers.items():
                    parts = (
                        prints,
                        split,
                        str(fold),
                        contender.name,
                        contender.kind,
                        _settings(contender.sampler) + _settings(contender.loss),
                        mended,
                        aims,
                        name,
                        _settings(classifier),
                        str(self.seed),
                        versions(),
                    )
                    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
                    configs[fold, contender.name, name] = digest[:16]
        return configs


@contextlib.contextmanager
def _placed(fold, contender, classifier=None):
    """Adds to an error where it happened."""
    try:
        yield
    except Exception as error:
        of_classifier = "" if classifier is None else f", classifier {classifier!r}"
        place = f"In fold {fold} of `compare`, method {contender.name!r}"
        error.add_note(f"{place}{of_classifier}.")
        raise


def timed(function, *arguments):
    """Returns what the function returns, and how many seconds it took."""
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def _by_sampler(contenders):
    """Lists contenders that train on the same rows together, in order of the first.

    Those that weigh rows lead: they look whether the sampler leaves the real in front.
    """
    groups = {}
    for contender in contenders:
        shared = contender if contender.sampler is None else contender.sampler
        groups.setdefault(id(shared), []).append(contender)
    return [
        sorted(group, key=lambda each: each.synthetic_weight is None)
        for group in groups.values()
    ]


def _lost_message(lost, num_tasks, path):
    told = "; ".join(
        f"fold {fold}, method {contender.name!r}, classifiers {names}"
        for (fold, parts), _ in lost
        for contender, names in parts
    )
    kept = "None of the others' rows are kept without `output_dir`."
    if path is not None:
        kept = "The others' rows are kept, so that the same call runs these alone."
    _, error = lost[0]
    return (
        f"{len(lost)} of {num_tasks} parts of `compare` were lost with their workers. "
        "Expected workers that outlive a method in a fold. Received: "
        f"{type(error).__name__} for {told} ({error}). {kept} Often it was memory: "
        "give a worker more, or start fewer on a machine."
    )


def _settings(estimator):
    """All parameters as text, the same in every process."""
    if estimator is None:
        return ""
    if isinstance(estimator, functools.partial):
        options = f"{estimator.args}, {sorted(estimator.keywords.items())}"
        return f"{_settings(estimator.func)}({options})"
    if inspect.isroutine(estimator) or inspect.isclass(estimator):
        return _code(estimator)
    if dataclasses.is_dataclass(estimator):
        values = [
            (field.name, getattr(estimator, field.name))
            for field in dataclasses.fields(estimator)
        ]
        return str([(n, _settings(v) if callable(v) else v) for n, v in values])
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    if not hasattr(estimator, "get_params"):
        return kind
    params = sorted(estimator.get_params(deep=False).items())
    parts = []
    for name, value in params:
        if name == "steps" and hasattr(estimator, "named_steps"):
            value = [(step, _settings(inner)) for step, inner in value]
        elif hasattr(value, "get_params"):
            value = _settings(value)
        parts.append(f"{name}={value!r}")
    return f"{kind}({', '.join(parts)})"


def _code(function):
    """A function's name and source, so that another one gets rows of its own."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = ""
    return f"{function.__module__}.{function.__qualname__} {source}"


@functools.cache
def versions():
    """Returns the versions behind a row, as one string."""
    import imblearn
    import keras
    import sklearn

    return (
        f"kerasos {__version__} keras {keras.__version__} "
        f"scikit-learn {sklearn.__version__} imbalanced-learn {imblearn.__version__}"
    )


def _typed(row):
    texts = ("method", "classifier", "others", "versions", "config")
    texts += ("reliability", "reliability_corrected")
    whole = ("fold", "n_train", "n_added", "n_test", "seed")
    return {
        name: value if name in texts else int(value) if name in whole else float(value)
        for name, value in row.items()
    }


def _unpacked(row):
    """The row with a column for each of its other metrics."""
    others = row["others"]
    row = {name: value for name, value in row.items() if name != "others"}
    return row | (json.loads(others) if others else {})

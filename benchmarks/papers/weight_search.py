"""How much a synthetic sample should weigh in the loss (Fajardo et al. 2021).

The weight w of synthetic samples is searched on a grid by stratified cross-validation
over the *real* samples, w = 1 for real ones: train on the real samples of the other
folds and on synthetic ones, validate on the real samples of the held-out fold. The
score is the mean F1 of the minority classes, weighted by their support.

Which synthetic samples a fold trains on is not stated in the paper. Two ways:

-   All of them (default, no further training). They were made from the held-out
    samples too, which a classifier then knows at every weight: what the score still
    sees is samples of large classes taken for small ones, and the weight can come out
    too small (with SMOTE on a set of MNIST 1, of unseen folds 28; benchmarks/notes.md).
-   With `oversample`, those that an oversampler makes of the other folds alone.

The folds have the class sizes of the real samples. Where those of the test data are
alike, as in the paper, large classes taken for small ones count too much, and
`balanced=True` has the score count each class alike (SMOTE on a set of Fashion-MNIST
with 40 images a class: weight 50 in place of 12, F1 .764 in place of .712;
benchmarks/notes.md).

Reference:
    Fajardo et al., On Oversampling Imbalanced Data with Deep Conditional Generative
    Models, Expert Systems with Applications 2021 (section 4, table 14).
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasos.data.arrays import check_labels, check_same_length, check_samples
from kerasos.randomness.seeds import derive_seed
from papers.group_scores import group_scores

FAJARDO_GRID = tuple(np.linspace(1.0, 50.0, 10).tolist())


class WeightSearch(NamedTuple):
    """Result of `search_sample_weight`.

    `best_weight` has the best mean score, the smallest one if several do; `scores` is
    a dict of weight to the list of scores of the folds.
    """

    best_weight: float
    scores: dict

    @property
    def mean_scores(self):
        """Dict of weight to the mean score over the folds."""
        return {weight: float(np.mean(s)) for weight, s in self.scores.items()}


def search_sample_weight(
    model,
    x,
    y,
    is_synthetic,
    *,
    grid=FAJARDO_GRID,
    minority=None,
    folds=2,
    epochs=20,
    batch_size=128,
    seed=0,
    done=None,
    on_score=None,
    oversample=None,
    balanced=False,
):
    """Finds the weight of synthetic samples with the best cross-validated score.

    Every fit starts from the weights `model` has now and sees the batches of its fold
    in one order, so the scores differ by the weight alone, and a score does not depend
    on which fits ran before it. On return the model is as it was.

    Args:
        model: Compiled classifier with `sparse` labels, e.g. `fajardo_mlp(spec)`.
        x: Array `(n, ...)`, real and synthetic samples, as from `oversample`.
        y: Integer labels `(n,)`.
        is_synthetic: Boolean array `(n,)`.
        grid: Weights to try. Default: `linspace(1, 50, 10)` (paper).
        minority: Labels of the minority classes. Default: all that have fewer real
            samples than the largest class.
        folds: Integer, at least 2. Default 2 (paper).
        epochs: Integer. Default 20 (paper).
        batch_size: Integer. Default 128 (paper).
        seed: Integer; decides the folds and the order of the batches.
        done: Dict of weight to scores from an interrupted search with the same
            arguments; these weights are not tried again.
        on_score: Callable `(weight, fold_scores)`, called after each new weight; save
            what it is given and pass it as `done` to go on.
        oversample: Callable `(x, y) -> (x, y, is_synthetic)` that trains an
            oversampler on real samples and returns them balanced. With it, each fold
            has one of its own, and nothing in training comes from a held-out sample.
            Default: all folds train on the synthetic samples in `x`.
        balanced: Whether the score counts each class alike, for test data whose
            classes are of one size. Default False: in the proportions of the real
            samples.

    Returns:
        A `WeightSearch`.

    Raises:
        TypeError, ValueError: If the arrays do not fit together, a class has fewer
            real samples than there are folds, there is no minority, or the grid is
            empty or has a weight that is not positive.

    Example:

    ```python
    x_res, y_res, is_synthetic = oversampler.oversample(x, y)
    model = fajardo_mlp(spec, seed=0)
    weight = search_sample_weight(
        model,
        x_res,
        y_res,
        is_synthetic,
        oversample=lambda x, y: SMOTEOversampler.from_data(x, y).oversample(x, y),
    ).best_weight
    fit_weighted(model, x_res, y_res, is_synthetic, weight)
    ```
    """
    _check_compiled(model)
    x, y, is_synthetic = _check_data(x, y, is_synthetic)
    grid = _check_grid(grid)
    pairs = fold_rows(y, is_synthetic, folds, seed)
    if minority is None:
        counts = np.bincount(y[~is_synthetic], minlength=y.max() + 1)
        minority = np.flatnonzero(counts < counts.max())
    if len(minority) == 0:
        raise ValueError(
            "There is no minority class to score. Expected real samples of unequal "
            "class sizes. Received: classes of one size. Name the classes: "
            "`minority=[...]`."
        )
    done = {float(weight): list(scores) for weight, scores in (done or {}).items()}
    scores = {}
    problems = None
    for weight in grid:
        if weight not in done:
            if problems is None:
                data = x, y, is_synthetic
                problems = _problems(model, data, pairs, batch_size, oversample)
            found = []
            for fold, problem in enumerate(problems):
                predicted = problem.predictions(
                    weight, epochs, derive_seed(seed, "weights", fold)
                )
                groups = group_scores(
                    problem.y_held_out, predicted, minority, balanced=balanced
                )
                found.append(groups["min_F1"])
            done[weight] = found
            if on_score is not None:
                on_score(weight, list(found))
        scores[weight] = done[weight]
    means = [np.mean(scores[weight]) for weight in grid]
    return WeightSearch(grid[int(np.argmax(means))], scores)


def fit_weighted(
    model, x, y, is_synthetic, weight, *, epochs=20, batch_size=128, seed=0
):
    """Trains a classifier with synthetic samples weighted, in one call a pass.

    Faster than `model.fit` with `sample_weight` and a function of `seed` alone. Each
    pass is shuffled anew and drops the up to `batch_size - 1` samples left at its end.

    Args:
        model: Compiled classifier; training goes on from its weights.
        x, y, is_synthetic: As in `search_sample_weight`.
        weight: Float, what a synthetic sample weighs; a real one weighs 1. Weights
            multiply the losses, whose sum is divided by the batch size.
        epochs: Integer. Default 20 (Fajardo et al.).
        batch_size: Integer. Default 128 (Fajardo et al.).
        seed: Integer; decides the order of the batches.

    Returns:
        `model`.

    Example:

    ```python
    model = fit_weighted(fajardo_mlp(spec), x_res, y_res, is_synthetic, weight=6.0)
    ```
    """
    x, y, is_synthetic = _check_data(x, y, is_synthetic)
    (weight,) = _check_grid([weight])
    fitter = Fitter(model, x, y, batch_size)
    sample_weight = np.where(is_synthetic, weight, 1.0)
    fitter.fit(np.arange(len(x)), sample_weight, epochs, derive_seed(seed, "weights"))
    return model


def fold_rows(y, is_synthetic, folds=2, seed=0):
    """Row numbers to train on and to validate on, for each fold.

    Args:
        y: Integer labels `(n,)`.
        is_synthetic: Boolean array `(n,)`.
        folds: Integer, at least 2.
        seed: Integer.

    Returns:
        List of `(train, held_out)`: `held_out` are real rows of one stratified fold,
        `train` the other real rows and all synthetic ones. Both sorted.

    Raises:
        ValueError: If a class has fewer real samples than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    real, synthetic = np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)
    counts = np.bincount(y[real], minlength=y.max() + 1)
    if counts.min() < folds:
        label = int(np.argmin(counts))
        raise ValueError(
            f"Every class needs a real sample in each of the {folds} folds. Expected "
            f"at least {folds}. Received: {counts[label]} of class {label}."
        )
    splitter = StratifiedKFold(
        folds, shuffle=True, random_state=derive_seed(seed, "folds")
    )
    return [
        (np.sort(np.concatenate([real[train], synthetic])), real[held_out])
        for train, held_out in splitter.split(real, y[real])
    ]


class _Problem(NamedTuple):
    """One fold: what to train on, and the real samples to predict."""

    fitter: "Fitter"
    rows: np.ndarray
    is_synthetic: np.ndarray
    x_held_out: np.ndarray
    y_held_out: np.ndarray

    def predictions(self, weight, epochs, seed):
        """Labels after a fit with that weight; leaves the model as it was."""
        self.fitter.reset()
        sample_weight = np.where(self.is_synthetic, weight, 1.0)
        self.fitter.fit(self.rows, sample_weight, epochs, seed)
        predicted = self.fitter.predict(self.x_held_out)
        self.fitter.reset()
        return predicted


def _problems(model, data, pairs, batch_size, oversample):
    """Returns the folds as problems, those with `oversample` on data of their own."""
    x, y, is_synthetic = data
    if oversample is None:
        fitter = Fitter(model, x, y, batch_size)
        return [
            _Problem(fitter, train, is_synthetic, x[held_out], y[held_out])
            for train, held_out in pairs
        ]
    problems = []
    for train, held_out in pairs:
        real = train[~is_synthetic[train]]
        fold = _check_data(*oversample(x[real], y[real]))
        fitter = Fitter(model, *fold[:2], batch_size)
        rows = np.arange(len(fold[0]))
        problems.append(_Problem(fitter, rows, fold[2], x[held_out], y[held_out]))
    return problems


class Fitter:
    """One compiled model, fitted again and again with one trace of its step."""

    def __init__(self, model, x, y, batch_size):
        _check_compiled(model)
        self.model, self.batch_size = model, batch_size
        model.optimizer.build(model.trainable_variables)
        self.variables = [*model.variables, *model.optimizer.variables]
        self.initial = [variable.numpy() for variable in self.variables]
        # In their own dtype: the model scales them, and bytes are a quarter.
        self.x, self.y = tf.constant(x), tf.constant(y.astype("int32"))
        step = model.train_step
        if model.jit_compile:
            step = tf.function(step, jit_compile=True)

        @tf.function(reduce_retracing=True)
        def one_pass(rows, sample_weight):
            for number in tf.range(tf.shape(rows)[0]):
                index = rows[number]
                step(
                    (
                        tf.gather(self.x, index),
                        tf.gather(self.y, index),
                        tf.gather(sample_weight, index),
                    )
                )

        self.one_pass = one_pass

    def reset(self):
        for variable, value in zip(self.variables, self.initial, strict=True):
            variable.assign(value)

    def fit(self, rows, sample_weight, epochs, seed):
        batch = min(self.batch_size, len(rows))
        steps = len(rows) // batch
        sample_weight = tf.constant(sample_weight, tf.float32)
        for epoch in range(epochs):
            source = np.random.default_rng(derive_seed(seed, epoch))
            order = source.permutation(rows)[: steps * batch]
            order = order.reshape(steps, batch).astype("int32")
            self.one_pass(tf.constant(order), sample_weight)

    def predict(self, x, chunk=1024):
        labels = np.empty(len(x), "int64")
        for start in range(0, len(x), chunk):
            # Rows are repeated to fill the last chunk: one shape, one trace.
            rows = np.resize(np.arange(start, min(start + chunk, len(x))), chunk)
            probs = self.model.predict_on_batch(tf.constant(x[rows]))
            labels[start : start + chunk] = probs.argmax(axis=-1)[: len(x) - start]
        return labels


def _check_compiled(model):
    if not getattr(model, "compiled", False):
        raise ValueError(
            "`model` must be compiled. Received: one that is not. Call "
            "`model.compile(optimizer, loss)` first."
        )


def _check_data(x, y, is_synthetic):
    x, y, is_synthetic = check_samples(x), check_labels(y), np.asarray(is_synthetic)
    check_same_length(x, y)
    if is_synthetic.dtype != bool or is_synthetic.shape != y.shape:
        raise ValueError(
            "`is_synthetic` must be a boolean array, one entry per sample. Expected "
            f"shape {y.shape}. Received: {is_synthetic.dtype} {is_synthetic.shape}."
        )
    return x, y, is_synthetic


def _check_grid(grid):
    grid = [float(weight) for weight in grid]
    if not grid or not np.isfinite(grid).all() or min(grid) <= 0:
        raise ValueError(
            f"Weights must be finite and greater than 0. Received: {grid}."
        )
    return grid

"""What two recipes or more need."""

import numpy as np

import kerasos
from harness import datasets
from kerasos import plots
from kerasos.evaluation import augmented
from kerasos.features import feature_fn


def trains_classifier(cell):
    method = kerasos.get_method(cell.method.oversampler)
    return getattr(method, "trains_classifier", False) and not cell.method.training


# Digits and letters change their meaning in a mirror; for clothes it buys nothing.
AUGMENTATION = {"flip": False}


def with_augmentation(model, cell):
    """Augments on the fly where the method says so."""
    if not cell.method.classifier.get("augmentation"):
        return model
    return augmented(model, seed=cell.repeat, **AUGMENTATION)


def features_of_all(cell, spec, data_dir, folder):
    """Features of a network trained on the whole balanced training set, kept."""
    (x, y), _ = datasets.load(cell.protocol.dataset, None, data_dir, 0)
    name = cell.protocol.parameters.get("features", "cnn")
    options = {"cache_dir": folder.parent / "features"} if name == "cnn" else {}
    return feature_fn(name, spec, x, y, **options)


class Judge:
    """Logistic regression on those features, which have seen every class enough.

    Args:
        features: Function from samples to rows, of `features_of_all`.
        x, y: A balanced training set.
        rows: Integer, how many of them, drawn at random.
    """

    def __init__(self, features, x, y, rows=10_000):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        chosen = np.random.default_rng(0).permutation(len(x))[:rows]
        self._features = features
        self._model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self._model.fit(features(x[chosen]), y[chosen])

    def predict(self, x):
        return self._model.predict(self._features(x))


def judge_of_all(cell, spec, data_dir, folder):
    """An independent classifier trained on the whole balanced training set."""
    (x, y), _ = datasets.load(cell.protocol.dataset, None, data_dir, 0)
    return Judge(features_of_all(cell, spec, data_dir, folder), x, y)


def predicted_labels(model, x):
    return np.argmax(model.predict(x, batch_size=1024, verbose=0), axis=-1)


def draw_samples(model, x, y, folder):
    """Draws real beside generated images, where the method makes images."""
    if model.produces_samples:
        plots.real_and_generated(x, y, model, folder / "samples.png")


def draw_made(x, y, is_synthetic, folder, per_class=8):
    """Draws real beside synthetic images of each class that was oversampled."""
    labels = np.unique(y[is_synthetic])
    rows = []
    for label in labels:
        real = x[~is_synthetic & (y == label)][:per_class]
        made = x[is_synthetic & (y == label)][:per_class]
        rows.append([*real, *[None] * (per_class - len(real)), *made])
    blocks = [("real", per_class), ("synthetic", per_class)]
    figure = plots.image_grid(rows, [str(k) for k in labels], None, blocks)
    plots.save_figure(figure, folder / "samples.png")

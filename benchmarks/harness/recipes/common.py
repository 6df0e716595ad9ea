"""What two recipes or more need."""

import functools

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import kerasos
from harness import datasets, training
from kerasos import plots
from kerasos.evaluation import augmented
from kerasos.features import feature_fn


class Work:
    """A cell at work: its data, its folder, and networks that have seen all images.

    Args:
        cell: `harness.cells.Cell`.
        data_dir: Folder of the prepared data, or None.
        folder: The cell's own.

    Attributes:
        x, y, x_test, y_test: Arrays, those for training with the cell's class counts.
        spec: Their `DataSpec`.
        parameters: Of the protocol.
        parts: The finished `harness.training.Parts`.
    """

    def __init__(self, cell, data_dir, folder):
        self.cell, self.data_dir, self.folder = cell, data_dir, folder
        self.parameters = cell.protocol.parameters
        self.parts = training.Parts(folder)
        (self.x, self.y), (self.x_test, self.y_test) = datasets.load(
            cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
        )

    @functools.cached_property
    def spec(self):
        return kerasos.data.DataSpec.of(self.x, self.y)

    @property
    def trains_classifier(self):
        """Whether the method is the classifier, trained along the protocol's steps."""
        method = self.cell.method
        trains = kerasos.get_method(method.oversampler).trains_classifier
        return trains and not method.training

    def oversampler(self, share=(0.0, 0.5), **options):
        """Returns the trained oversampler and its steps; see `training.oversampler`."""
        return training.oversampler(
            self.cell, self.x, self.y, self.folder, share, **options
        )

    @functools.cached_property
    def whole(self):
        """`(x, y), (x_test, y_test)` with all training images."""
        return datasets.load(self.cell.protocol.dataset, None, self.data_dir, 0)

    @functools.cached_property
    def features(self):
        """Features of a network trained on the whole balanced training set, kept."""
        name = self.parameters.get("features", "cnn")
        options = (
            {"cache_dir": self.folder.parent / "features"} if name == "cnn" else {}
        )
        return feature_fn(name, self.spec, *self.whole[0], **options)

    def judge(self):
        """Logistic regression on those features, which have seen every class enough.

        Fitted on 10,000 images of the whole balanced training set.
        """
        x, y = self.whole[0]
        chosen = np.random.default_rng(0).permutation(len(x))[:10_000]
        return make_pipeline(
            FunctionTransformer(self.features),
            StandardScaler(),
            LogisticRegression(max_iter=1000),
        ).fit(x[chosen], y[chosen])

    def with_augmentation(self, model):
        """Augments on the fly where the method says so."""
        if not self.cell.method.classifier.get("augmentation"):
            return model
        # Digits and letters change their meaning in a mirror; clothes gain nothing.
        return augmented(model, seed=self.cell.repeat, flip=False)

    def draw_samples(self, model):
        """Draws real beside generated images, where the method makes images."""
        if model.produces_samples:
            path = self.folder / "samples.png"
            plots.real_and_generated(self.x, self.y, model, path)

    def draw_made(self, x, y, is_synthetic, per_class=8):
        """Draws real beside synthetic images of each class that was oversampled."""
        labels = np.unique(y[is_synthetic])
        rows = []
        for label in labels:
            real = x[~is_synthetic & (y == label)][:per_class]
            made = x[is_synthetic & (y == label)][:per_class]
            rows.append([*real, *[None] * (per_class - len(real)), *made])
        blocks = [("real", per_class), ("synthetic", per_class)]
        figure = plots.image_grid(rows, [str(k) for k in labels], None, blocks)
        plots.save_figure(figure, self.folder / "samples.png")


def predicted_labels(model, x):
    return np.argmax(model.predict(x, batch_size=1024, verbose=0), axis=-1)

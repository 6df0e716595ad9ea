"""Scores of the classifier in a file, epoch by epoch."""

import csv
import pathlib
from typing import Any

import keras
import numpy as np

from kerasos.annotations import PathLike
from kerasos.checks import Count, checked
from kerasos.files import whole_file
from kerasos.metrics.imbalance import acsa, g_mean, macro_f1, per_class_recall


class EvaluationCSV(keras.callbacks.Callback):
    """Appends the classifier's scores on named data sets to a CSV file.

    The classifier is `model.classifier`, or the model itself where it has none
    (a plain Keras classifier). One row per data set and evaluated epoch: `epoch`
    (finished epochs), `steps` (finished training steps), `data_set`, `acsa`,
    `g_mean`, `macro_f1` and `recall_0`, `recall_1`, ...; a class the data set does
    not hold leaves its recall empty. Each row is on disk before training goes on.

    Training that starts at epoch k (`initial_epoch`, or a restored backup)
    keeps the rows of the first k epochs and drops later ones, so no epoch is
    there twice; training from the start empties the file.

    Args:
        path: The CSV file.
        data: Dict of name to `(x, y)`, e.g. `{"full": (x_test, y_test)}`.
        every: Integer, evaluate after each `every` epochs. Default 1.
        batch_size: Integer, rows per prediction. Default 1024.

    Raises:
        ValueError: At the start of `fit`, if the method trains no classifier or
            the file holds other columns.

    Example:

    ```python
    scores = EvaluationCSV("scores.csv", {"full": (x_test, y_test)}, every=5)
    model.fit(batches, epochs=80, callbacks=[scores])
    ```
    """

    @checked
    def __init__(
        self, path: PathLike, data: Any, every: Count = 1, batch_size: Count = 1024
    ) -> None:
        super().__init__()
        self.path = pathlib.Path(path)
        self.data = {}
        for name, (x, y) in data.items():
            x, y = np.asarray(x), np.asarray(y)
            if len(x) != len(y) or len(x) == 0:
                raise ValueError(
                    f"`data[{name!r}]` must hold samples and as many labels. "
                    f"Received: {len(x)} samples and {len(y)} labels."
                )
            self.data[name] = (x, y)
        if not self.data:
            raise ValueError(
                "`data` must hold at least one data set, e.g. "
                f'`{{"test": (x_test, y_test)}}`. Received: {data}.'
            )
        self.every, self.batch_size = every, batch_size
        self._last = None  # (epoch, steps) of the last finished epoch

    def on_train_begin(self, logs=None):
        if self._classifier is None:
            raise ValueError(
                "`EvaluationCSV` needs a method that trains a classifier. Received: "
                f"{type(self.model).__name__}, which does not. Train one on "
                "`model.oversample(x, y)` and evaluate that."
            )
        self._last = None

    def on_epoch_begin(self, epoch, logs=None):
        # Only here is the first epoch known: BackupAndRestore may restore it in
        # its own `on_train_begin`, after ours.
        if self._last is None:
            self._last = self._start_file(epoch)
        self._steps_in_epoch = 0

    def on_train_batch_end(self, batch, logs=None):
        self._steps_in_epoch = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        last_epoch, last_steps = self._last
        # After a resume some finished epochs may have no row: they had as many
        # steps as this one.
        steps = last_steps + (epoch + 1 - last_epoch) * self._steps_in_epoch
        self._last = (epoch + 1, steps)
        if (epoch + 1) % self.every:
            return
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for name, (x, y) in self.data.items():
                writer.writerow([epoch + 1, steps, name, *self._scores(x, y)])
                file.flush()

    def _scores(self, x, y):
        probabilities = self._classifier.predict(
            x, batch_size=self.batch_size, verbose=0
        )
        predicted = np.argmax(probabilities, axis=-1)
        recalls = per_class_recall(y, predicted, num_classes=self._num_classes)
        return [
            acsa(y, predicted),
            g_mean(y, predicted),
            macro_f1(y, predicted),
            *("" if np.isnan(recall) else recall for recall in recalls),
        ]

    @property
    def _classifier(self):
        # A plain Keras classifier is its own.
        return getattr(self.model, "classifier", self.model)

    @property
    def _num_classes(self):
        return self._classifier.output_shape[-1]

    def _start_file(self, finished):
        """Keeps the rows of finished epochs; returns the last (epoch, steps)."""
        header = ["epoch", "steps", "data_set", "acsa", "g_mean", "macro_f1"]
        header += [f"recall_{label}" for label in range(self._num_classes)]
        kept = []
        if finished and self.path.is_file():
            with open(self.path, newline="", encoding="utf-8") as file:
                found, *rows = list(csv.reader(file)) or [header]
            if found != header:
                raise ValueError(
                    f"`path` holds another table. Expected the columns {header}. "
                    f"Received: {found} in {self.path}. Give another path."
                )
            # A row cut off by a crash is shorter than the header.
            kept = [r for r in rows if len(r) == len(header) and int(r[0]) <= finished]
        with (
            whole_file(self.path, "The scores") as draft,
            open(draft, "w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([header, *kept])
        return (int(kept[-1][0]), int(kept[-1][1])) if kept else (0, 0)

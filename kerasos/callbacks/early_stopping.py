"""Stops when the generator no longer gets better, and goes back to the best one."""

import json
import math
import pathlib
import shutil
import tempfile
import warnings
import weakref
from typing import Any, Literal

import keras

from kerasos.annotations import PathLike
from kerasos.checks import Count, NonNegative, Whole, checked
from kerasos.files import whole_file
from kerasos.weights_file import WeightsInMemory

_SCORES = "scores.json"


class GeneratorEarlyStopping(keras.callbacks.Callback):
    """Watches a score of the generator, with patience; restores the best weights.

    Losses of a GAN say little about its samples, and `val_loss` does not exist, so
    Keras's `EarlyStopping` has nothing to watch. This one watches what samples are
    worth: a held-out score, or a diagnostic in the logs. What it restores is the
    whole model: weights, optimizers, counters and seeds.

    Args:
        score: Function from the model to a number, for example a
            `kerasos.evaluation.DownstreamScore`; or the name of a number in the
            logs, for example "conditioning" from a `GeneratorDiagnostics` earlier
            in the list.
        patience: Integer, evaluations without improvement after which training
            stops. Default 5.
        every: Integer, evaluate after each `every` epochs. Default 1.
        mode: "max" (default) or "min".
        min_delta: Float, smallest change that counts as improvement. Default 0.
        start_from_epoch: Integer, epochs before the first evaluation; for BAGAN at
            least `model.ae_epochs`. Default 0.
        restore_best: Boolean, whether the best state is put back when training
            ends. Default `True`.
        path: Folder for the best weights and the scores. With it a run that
            `BackupAndRestore` resumes, or one with `initial_epoch`, goes on with
            the scores of the epochs before: best and patience are those of an
            unbroken run. Without it they live in a temporary folder and a resumed
            run starts to count anew. Training from epoch 0 empties it. Of two runs
            each needs its own.
        verbose: 1 says why training stopped and what was restored. Default 0.

    Logs:
        `generator_score`, where `score` is a function.

    Attributes:
        best, best_epoch: Best score, and the finished epochs it was found after;
            None before the first evaluation.
        stopped_epoch: Finished epochs when training was stopped, or None.
        scores: Dict of finished epochs to score.

    Raises:
        ValueError: If an argument makes no sense; at an evaluation, if the score is
            no number or not in the logs.

    Example:

    ```python
    stop = GeneratorEarlyStopping(DownstreamScore(x, y, x_val, y_val), every=5)
    model.fit(batches, epochs=500, callbacks=[stop])
    ```
    """

    @checked
    def __init__(
        self,
        score: Any,
        patience: Count = 5,
        every: Count = 1,
        mode: Literal["max", "min"] = "max",
        min_delta: NonNegative = 0.0,
        start_from_epoch: Whole = 0,
        restore_best: bool = True,
        path: PathLike | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        if not (callable(score) or isinstance(score, str)):
            raise ValueError(
                "`score` must be a function of the model, or the name of a number in "
                f"the logs. Received: {score!r}."
            )
        self.score, self.mode, self.min_delta = score, mode, min_delta
        self.patience, self.every = patience, every
        self.start_from_epoch = start_from_epoch
        self.restore_best, self.verbose = restore_best, verbose
        self.path = None if path is None else pathlib.Path(path)
        self.scores, self.stopped_epoch = {}, None
        self._folder = self._clean_up = self._finished = None

    @property
    def best(self):
        return self.scores.get(self.best_epoch)

    @property
    def best_epoch(self):
        best, _ = self._walk()
        return best

    def _walk(self):
        """Best epoch, and evaluations since; both follow from the scores."""
        best, waited = None, 0
        for epoch in sorted(self.scores):
            if best is None or self._is_better(self.scores[epoch], self.scores[best]):
                best, waited = epoch, 0
            else:
                waited += 1
        return best, waited

    def _is_better(self, score, than):
        gain = score - than if self.mode == "max" else than - score
        return gain > self.min_delta

    def on_train_begin(self, logs=None):
        self._begun = False
        self.stopped_epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        # Only here is the first epoch known: BackupAndRestore may restore it in its
        # own `on_train_begin`, after ours.
        if not self._begun:
            self._begun = True
            self._begin(epoch)

    def _begin(self, finished):
        if self.path is None:
            self._folder, self.scores = pathlib.Path(tempfile.mkdtemp()), {}
            # Also where an error ends the run, with the callback itself.
            self._clean_up = weakref.finalize(
                self, shutil.rmtree, self._folder, ignore_errors=True
            )
            return
        self._folder = self.path
        self._folder.mkdir(parents=True, exist_ok=True)
        self.scores = self._read(finished)
        if self.scores and not self._weights_path(self.best_epoch).is_file():
            warnings.warn(
                f"The weights of the best epoch, {self.best_epoch}, are missing in "
                f"{self._folder}, so the scores of the epochs before are forgotten.",
                stacklevel=2,
            )
            self.scores = {}
        self._write()
        if self._walk()[1] >= self.patience:
            # The run before was stopped, and then cut off before its end.
            self.stopped_epoch = finished
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self.stopped_epoch is not None:
            return
        finished = self._finished = epoch + 1
        if finished % self.every or finished <= self.start_from_epoch:
            return
        previous = self.best_epoch
        self.scores[finished] = self._evaluate(logs)
        best, waited = self._walk()
        if best == finished:
            self._save_weights(finished, previous)
        self._write()
        if waited >= self.patience:
            self.stopped_epoch = finished
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        best, _ = self._walk()
        if self.restore_best and best not in (None, self._finished):
            self.model.load_weights(self._weights_path(best))
            self._say(f"Restored the generator of epoch {best}: {self.best:.4f}.")
        if self.stopped_epoch is not None:
            self._say(
                f"Stopped after epoch {self.stopped_epoch}: no better score in "
                f"{self.patience} evaluations."
            )
        if self._clean_up is not None:
            self._clean_up()

    def _evaluate(self, logs):
        if isinstance(self.score, str):
            logs = logs or {}
            if self.score not in logs:
                raise ValueError(
                    f"`score` is not in the logs. Expected one of {sorted(logs)}. "
                    f"Received: {self.score!r}. Put the callback that logs it before "
                    "this one, with the same `every`."
                )
            score = logs[self.score]
        else:
            score = self.score(self.model)
        score = float(score)
        if not math.isfinite(score):
            raise ValueError(
                f"`score` must be a finite number. Received: {score}. A diagnostic is "
                "NaN where the classes are too small for it; watch another."
            )
        if logs is not None and not isinstance(self.score, str):
            logs["generator_score"] = score
        return score

    # Files.

    def _weights_path(self, epoch):
        return self._folder / f"best-{epoch:06d}.weights.h5"

    def _save_weights(self, epoch, previous):
        path = self._weights_path(epoch)
        WeightsInMemory(self.model).write_to(path, "The best state")
        # A crash before BackupAndRestore's turn goes back by an epoch, so that the
        # best before this one is needed once more.
        kept = {self._weights_path(e) for e in (epoch, previous) if e is not None}
        for path in self._folder.glob("best-*.weights.h5"):
            if path not in kept:
                path.unlink()

    def _read(self, finished):
        """Scores of the epochs before; none for a run from the start."""
        path = self._folder / _SCORES
        if not finished or not path.is_file():
            return {}
        try:
            scores = {int(k): v for k, v in json.loads(path.read_text()).items()}
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f"{str(path)!r} is damaged. Expected scores by epoch. Received: "
                f"{error}. Remove it to count anew."
            ) from error
        # What comes after the epoch of the backup is done again.
        return {epoch: s for epoch, s in scores.items() if epoch <= finished}

    def _write(self):
        with whole_file(self._folder / _SCORES, "The scores") as draft:
            draft.write_text(json.dumps(self.scores))

    def _say(self, text):
        if self.verbose:
            print(text)

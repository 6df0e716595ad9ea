"""Weights rare classes more when most of the training is over."""

import keras

from kerasos.checks import Whole, checked
from kerasos.losses.long_tail import Beta, LongTailLoss, class_balanced_weights


class DeferredReweighting(keras.callbacks.Callback):
    """Deferred re-weighting: equal weights first, then weights by effective numbers.

    The model learns its features from the data as they are, and only then where the
    boundaries of rare classes lie (Cao et al., algorithm 1). Works with every loss of
    `kerasos.losses`; with `LogitAdjusted(counts, tau=0)`, which is cross-entropy, too.
    All epochs of a `fit` count, also with `initial_epoch` or after
    `BackupAndRestore`. Validation losses are weighted with the rest. When `fit` ends,
    the loss has the weights it was made with.

    The weights are `class_balanced_weights`, which sum to the number of classes.
    The paper lowers the learning rate at the same epoch: add
    `keras.callbacks.LearningRateScheduler`.

    Args:
        start_from_epoch: Integer, the first epoch with weights, counted from 0.
            Default: after 80 % of the epochs (paper, 160 of 200).
        beta: Float in [0, 1), of `class_balanced_weights`. Default 0.9999.

    Raises:
        ValueError: If an argument is of the wrong kind; when training starts, if the
            model has no loss of `kerasos.losses`.

    Example:

    >>> model.compile("adam", loss=kerasos.losses.LDAM(np.bincount(y)))
    >>> model.fit(x, y, epochs=50, callbacks=[kerasos.callbacks.DeferredReweighting()])

    Reference:
        Cao, Wei, Gaidon, Arechiga, Ma. Learning Imbalanced Datasets with
        Label-Distribution-Aware Margin Loss, NeurIPS 2019.
    """

    @checked
    def __init__(self, start_from_epoch: Whole | None = None, beta: Beta = 0.9999):
        super().__init__()
        self.start_from_epoch = start_from_epoch
        self.beta = beta

    def on_train_begin(self, logs=None):
        losses = keras.tree.flatten(getattr(self.model, "loss", None))
        self._losses = [loss for loss in losses if isinstance(loss, LongTailLoss)]
        if not self._losses:
            raise ValueError(
                "`DeferredReweighting` changes the class weights of a loss. Expected a "
                "model compiled with a loss of `kerasos.losses`, `LDAM` for instance. "
                f"Received: loss={self.model.loss!r}. For weighted cross-entropy "
                "compile with `LogitAdjusted(class_counts, tau=0)`."
            )

    def on_epoch_begin(self, epoch, logs=None):
        start = self.start_from_epoch
        if start is None:
            start = self.params["epochs"] * 4 // 5
        for loss in self._losses:
            counts = loss.class_counts
            beta = self.beta if epoch >= start else 0.0
            loss.class_weights.assign(class_balanced_weights(counts, beta))

    def on_train_end(self, logs=None):
        for loss in self._losses:
            loss.class_weights.assign(loss.initial_weights())

"""Diagnostics of the generator in the logs, epoch by epoch."""

from typing import Any

import keras
from numpy.typing import ArrayLike

from kerasos.checks import Count, checked
from kerasos.evaluation.diagnostics import GeneratorDiagnosis


class GeneratorDiagnostics(keras.callbacks.Callback):
    """Logs how far generated samples differ from real ones.

    Adds to the logs of an epoch the means over classes of
    `kerasos.evaluation.GeneratorReport`: `spread`, `variety`, `agreement`,
    `conditioning`, `nearest` and `copies`, and `findings`, the number of things
    wrong. Put it before callbacks that read the logs (`CSVLogger`,
    `GeneratorEarlyStopping`, `TensorBoard`). Samples come from the same noise each
    time. It draws nothing from the model's own noise, so training is the same with
    it and without.

    Args:
        x, y: Training data, the user's units.
        every: Integer, look after each `every` epochs. Default 1.
        classifier: As in `kerasos.evaluation.diagnose`.
        verbose: 1 prints the findings of an epoch. Default 0.
        **options: `samples_per_class` (default here 100), `seed`, `thresholds`; as
            in `kerasos.evaluation.diagnose`.

    Attributes:
        reports: Dict of finished epochs to `GeneratorReport`.

    Example:

    ```python
    watch = GeneratorDiagnostics(x, y, every=5, verbose=1)
    model.fit(batches, epochs=60, callbacks=[watch])
    ```
    """

    @checked
    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        every: Count = 1,
        classifier: Any = None,
        verbose: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.every, self.verbose = every, verbose
        options = {"samples_per_class": 100, **options}
        self.diagnosis = GeneratorDiagnosis(x, y, classifier, **options)
        self.reports = {}

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        report = self.diagnosis(self.model)
        self.reports[epoch + 1] = report
        if logs is not None:
            logs.update(report.means, findings=len(report.findings))
        if self.verbose and report.findings:
            print("\n".join([f"\nEpoch {epoch + 1}:", *report.findings]))

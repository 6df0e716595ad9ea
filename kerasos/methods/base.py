"""The base of every method: noise, steps, saving, sampling, oversampling.

No loss and no architecture here. What a method must get right on several devices,
after a crash and at the user's border is done once, in this file.
"""

import contextlib
import copy
import functools
import inspect
import os
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Options, unknown_name_message
from kerasos.data.arrays import as_array, check_labels
from kerasos.data.pipeline import guarded, raise_fault
from kerasos.data.sources import as_pairs, is_dataset, read_dataset
from kerasos.data.spec import DataSpec
from kerasos.description import chosen, described
from kerasos.files import whole_file
from kerasos.methods.sampling import Sampling
from kerasos.methods.training import (
    VALIDATION_BATCH_SIZE,
    StageCallback,
    check_fit_data,
    check_replicas,
    checked_validation,
    refuse_weights,
)
from kerasos.randomness import lockstep
from kerasos.randomness.draws import StepNoise
from kerasos.randomness.seeds import fresh_seed
from kerasos.weights_file import check_weights
from kerasos.workers import has_workers, telling_of_lost_workers

COMPILE_OPTIONS = ("steps_per_execution", "jit_compile", "run_eagerly")


class Data:
    """What every `from_data` begins with.

    Args:
        source: `(x, y)`: checked arrays, or a dataset and None.
        spec: `DataSpec` of the data.
        seed: Integer.

    Attributes:
        x, y: The arrays. Those of a dataset are read when a method asks for them, and
            stay in memory only as long as this object: methods that ask say so.
    """

    def __init__(self, source, spec, seed):
        self._source, self.spec, self.seed = source, spec, seed

    @property
    def x(self):
        return self._arrays[0]

    @property
    def y(self):
        return self._arrays[1]

    @functools.cached_property
    def _arrays(self):
        x, y = self._source
        return read_dataset(as_pairs(x)) if is_dataset(x) else (x, y)


def read_data(x, y=None, seed=None, value_range=None, label_names=None):
    """Checks the data that a method is built for.

    Args:
        x: Samples `(n, *shape)` in the user's units, or a dataset as
            `kerasos.data.sources.as_pairs` takes it, whose statistics are of one pass.
        y: Labels `(n,)`, integers or names, or None for a dataset.
        seed: Integer, or None for a fresh one.
        value_range, label_names: As in `DataSpec.of`.

    Returns:
        A `Data`.

    Raises:
        TypeError, ValueError: If the data are not fit to train on.
    """
    spec = DataSpec.of(x, y, value_range, label_names)
    if not is_dataset(x):
        x, y = as_array(x), check_labels(spec.codes_of(y))
    return Data((x, y), spec, fresh_seed(seed))


@keras.saving.register_keras_serializable("kerasos")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, whose update of a variable is one operation of TensorFlow's.

    Keras writes an update as some twenty operations. A step of many players and
    layers is mostly those, and they are what tracing and compiling it takes. The
    equations are the same, so results differ by rounding alone. `amsgrad` and
    gradients of embeddings, which the operation does not know, go Keras's way.

    Args:
        **kwargs: Those of `keras.optimizers.Adam`; with `weight_decay` it is AdamW.

    Source: Kingma and Ba. Adam: a method for stochastic optimization. ICLR 2015,
    the order of computation at the end of section 2.
    """

    def apply(self, grads, trainable_variables=None):
        self._factors = (None, None)
        super().apply(grads, trainable_variables)
        self._factors = (None, None)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            grad=tf.cast(gradient, variable.dtype),
            **self._factors_for(variable, learning_rate),
        )

    def _factors_for(self, variable, learning_rate):
        """The numbers that all variables of an `apply` share, computed once.

        Once for each device, so that no replica waits for another, and each branch
        of a condition, which is a graph of its own.
        """
        graph = tf.compat.v1.get_default_graph()
        place = (graph, variable.handle.device, variable.dtype)
        if self._factors[0] != place:
            step = tf.cast(self.iterations + 1, variable.dtype)
            beta_1, beta_2, epsilon, rate = (
                tf.cast(value, variable.dtype)
                for value in (self.beta_1, self.beta_2, self.epsilon, learning_rate)
            )
            factors = {
                "beta1_power": tf.pow(beta_1, step),
                "beta2_power": tf.pow(beta_2, step),
                "lr": rate,
                "beta1": beta_1,
                "beta2": beta_2,
                "epsilon": epsilon,
            }
            self._factors = (place, factors)
        return self._factors[1]


class OversamplingModel(StepNoise, Sampling, keras.Model):
    """A generative model of labelled data that can balance a training set.

    A subclass takes built networks, sets `noise_dim`, and provides `train_step`,
    `generate`, `player_variables`, and `from_data` with every option in its signature.
    AutoGraph rewrites none of them: what depends on values takes `tf.cond`.
    Values cross the border in the user's units (`spec.value_range`); inside they are
    float32 in `model_range`.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        noise_dim: Width of the standard normal noise behind one sample.
        seed: Integer behind all noise of training; None draws one.
        **kwargs: `name` and the like, for `keras.Model`.

    Attributes:
        produces_samples: Whether `sample` gives samples in the user's space.
        makes: What it makes new ones of: "images", "tables" or both.
        trains_classifier: Whether `classifier` is trained by `fit`.
        options: `{name: Option}` of `from_data`, with default and what it may be.
        numeric: How `DeepOverSampler` hands over numeric columns: "normal", or
            "linear" for a method whose samples lie between real ones.
        takes_tables: False: tables come as the matrix of a `TabularEncoder`.
        takes_any_column: Whether columns may hold what no method can mix, lists say.
        default_steps, default_passes: How long `DeepOverSampler` trains: so many passes
            over the data, within these bounds of steps; `default_row_steps` are the
            bounds for tables, where they are others.
        jit_steps: On a processor, the steps of a run from which XLA is worth its
            compiling, where `prefers_jit` chooses it.
        stages: Names of the training stages, in the order in which they come.
        pre_oversample: Whether `fit` first repeats rows of the smaller classes
            until all classes are equal; `spec.class_counts` stay the original ones.
            None: nobody asked; `batch_balance` says what is done where the data allow.
        num_codes: Codes that a sample takes beside noise and label; 0 for most.
        players: Names of the optimizers that `compile` has built.
    """

    produces_samples = True
    makes: tuple[str, ...] = ("images", "tables")
    trains_classifier = False
    options = Options()
    numeric = "normal"
    takes_tables = False
    takes_any_column = False
    default_steps = (1_000, 20_000)
    default_passes = 50
    default_row_steps: tuple[int, int] | None = None
    # Of GAMO on digits XLA compiles for 13 s and takes 9 ms off a step.
    jit_steps = 2_000
    model_range: tuple[float, float] = (-1.0, 1.0)
    stages: tuple[str, ...] = ("train",)
    pre_oversample: bool | None = False
    num_codes = 0

    def __new__(cls, *args, **kwargs):
        data = (np.ndarray, tf.Tensor, tf.data.Dataset)
        if any(isinstance(a, data) or hasattr(a, "iloc") for a in args):
            raise TypeError(
                f"`{cls.__name__}` takes networks that are built already. Received: "
                f"data. To have networks built for them, call `{cls.__name__}."
                "from_data(x, y)`."
            )
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self, *, spec: DataSpec, noise_dim: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.noise_dim = int(noise_dim)
        self.seed = fresh_seed(seed)
        self.classifier = None
        self.stage = self.stages[0]
        self.steps_done = self.add_counter("steps_done")
        self.calls_done = self.add_counter("calls_done")
        self._trackers: dict[str, Any] = {}
        self.track("loss")
        self._stage_functions: dict[Any, Any] = {}
        self._is_short_run = False
        # `fit` under a strategy refuses a model that no call has built.
        self.built = True

    def __repr__(self):
        if getattr(self, "steps_done", None) is None:  # in the constructor still
            return super().__repr__()
        facts = {
            "shape": self.spec.shape,
            "dtype": self.spec.dtype,
            "class_counts": self.spec.class_counts,
            **chosen(self),
            "seed": self.seed,
            "steps": int(self.steps_done.numpy()),
        }
        return described(self, facts)

    def add_counter(self, name: str) -> Any:
        """Adds an int64 variable that starts at 0 and is saved with the model."""
        return self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )

    # What a method defines.

    @classmethod
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: int | None = None,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the method for a data set, with the paper's settings.

        Every method adds its own options, keyword arguments that `options` lists.

        Args:
            x: Images `(n, height, width, channels)` or rows `(n, num_features)`; or a
                finite dataset of samples and labels: a folder's, as
                `keras.utils.image_dataset_from_directory` gives it, one of TensorFlow
                Datasets, a `keras.utils.PyDataset`. Its statistics are taken in one
                pass; a method that needs the samples themselves says so and reads them
                into memory.
            y: Labels `0..num_classes - 1`, or names of the classes.
            seed: Integer behind weights and noise. Default: a fresh one.
            value_range: `(low, high)` of the data where it cannot be seen.
            label_names: Names of the classes. Default: those of a folder, or the names
                in `y` in the order of the alphabet. Wherever labels are given, names
                may be, too.

        Returns:
            A compiled model.

        Raises:
            TypeError: If an option is unknown; the message names the nearest.
            ValueError: If the data are not fit to train on, or an option's value
                cannot be used.
        """
        raise NotImplementedError

    def player_variables(self) -> dict[str, list[Any]]:
        """Returns `{optimizer name: variables that it moves}`."""
        raise NotImplementedError

    def generate(self, latent: Any, labels: Any) -> Any:
        """Maps latents `(batch, latent_dim)` to samples in `model_range`.

        Inference mode, no random operation inside. Where there are codes they are
        the last `num_codes` columns, beside the `latent_dim` of the noise.
        """
        raise NotImplementedError

    def latent(self, noise: Any, labels: Any) -> Any:
        """Maps standard normal noise `(batch, noise_dim)` to latents."""
        del labels
        return noise

    @classmethod
    def stage_epochs(cls, epochs: int, given: bool) -> dict[str, int]:
        """Returns options of `from_data` that fit its stages to a number of epochs.

        For `DeepOverSampler`; nothing where a method's own numbers hold.

        Args:
            epochs: Integer: of all stages if `given`, else of the last.
            given: Whether the user told the number of epochs.
        """
        del epochs, given
        return {}

    def stage_at(self, epoch: int) -> str:
        """Returns the stage that `epoch` belongs to."""
        del epoch
        return self.stages[0]

    def on_stage_begin(self, stage: str) -> None:
        """Called outside the graph when `fit` enters `stage`; safe to repeat."""

    def on_epoch_start(self, epoch: int) -> None:
        """Called outside the graph when `fit` begins epoch `epoch`, from 0."""

    def arrange(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the dataset that `fit` trains on, from the one that it was given."""
        return dataset

    @property
    def prefers_jit(self) -> bool:
        """Whether XLA is the faster choice for these networks on a processor."""
        return False

    @property
    def can_jit(self) -> bool:
        """Whether XLA can compile a step, since no part of it is Python's."""
        return True

    @property
    def is_trained(self) -> bool:
        """Whether a step was made, maybe before the model or its weights were saved.

        A loop of yours that leaves out `train_step` counts where it moves the model's
        own optimizers. Methods that learn nothing are always ready.
        """
        optimizers = [getattr(self, name) for name in getattr(self, "players", ())]
        counts = [self.steps_done, *(o.iterations for o in optimizers)]
        return any(int(count.numpy()) for count in counts)

    @property
    def batch_balance(self) -> bool | str:
        """How `fit` balances its batches: as `balanced` of `kerasos.data.batches`."""
        return "copies" if self.pre_oversample else False

    @property
    def uniform_from(self) -> int | None:
        """Epoch from which `fit` draws its batches class by class, or None."""
        return None

    @property
    def latent_dim(self) -> int:
        return self.noise_dim

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return self.spec.shape

    @property
    def sample_dtype(self) -> str:
        return self.spec.dtype

    @property
    def sampled_labels(self) -> list[int]:
        """Labels that the model can generate."""
        return list(range(self.spec.num_classes))

    # Units.

    def to_model(self, x: Any) -> Any:
        """Scales samples from the user's units to float32 in `model_range`."""
        low, high = self.spec.value_range
        start, end = self.model_range
        scale = (end - start) / (high - low)
        return (tf.cast(x, tf.float32) - low) * scale + start

    def to_user(self, samples: Any) -> Any:
        """Scales samples from `model_range` to the user's units and dtype."""
        low, high = self.spec.value_range
        start, end = self.model_range
        values = (tf.cast(samples, tf.float32) - start) * ((high - low) / (end - start))
        values += low
        dtype = tf.as_dtype(self.sample_dtype)
        if dtype.is_integer:
            values = tf.round(tf.clip_by_value(values, low, high))
        return tf.cast(values, dtype)

    # Training.

    def compile_players(self, optimizers, **kwargs):
        """Builds one optimizer a player; the body of every `compile`.

        Args:
            optimizers: `{name: optimizer}`, names as in `player_variables`; each
                a Keras optimizer, its name or its config.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`. XLA
                compiles by default on one GPU, and where `prefers_jit` on a processor,
                but for a `fit` of fewer than `jit_steps` steps there.
        """
        for name in kwargs:
            if name not in COMPILE_OPTIONS:
                raise TypeError(
                    unknown_name_message(
                        "argument",
                        name,
                        [*self.player_variables(), *COMPILE_OPTIONS],
                        f"{type(self).__name__}.compile",
                    )
                    + " Each player has an optimizer of its own, and its own loss."
                )
        replicas = self.distribute_strategy.num_replicas_in_sync
        jit_compile = given = kwargs.pop("jit_compile", "auto")
        steps = kwargs.get("steps_per_execution", 1)
        if replicas > 1 and (jit_compile is True or steps > 1):
            raise ValueError(
                "`jit_compile=True` and `steps_per_execution` above 1 do not work "
                f"under a strategy with {replicas} replicas in this Keras. Received: "
                f"jit_compile={jit_compile}, steps_per_execution={steps}. Leave "
                "both at their defaults, or train on one device."
            )
        if jit_compile == "auto":
            eager = kwargs.get("run_eagerly", False)
            # On a GPU a step of small networks is mostly the start of its kernels.
            prefers_jit = bool(tf.config.list_logical_devices("GPU"))
            prefers_jit |= self.prefers_jit
            jit_compile = prefers_jit and self.can_jit and replicas == 1 and not eager
        variables = self.player_variables()
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        # A file says "auto", so that the machine that reads it chooses.
        self._chosen_jit = jit_compile if given == "auto" else None
        self.players = [name for name in optimizers if name in variables]
        for name in self.players:
            optimizer = keras.optimizers.get(optimizers[name])
            if keras.config.dtype_policy().name == "mixed_float16":
                if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                    optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            # Under a strategy and after loading, an optimizer that `compile` has
            # not built fails or silently starts from zero.
            optimizer.build(variables[name])
            setattr(self, name, optimizer)
        # Keras's learning-rate callbacks look at `optimizer`.
        self.optimizer = getattr(self, self.players[-1])
        self._stage_functions = {}

    def get_compile_config(self):
        if not getattr(self, "compiled", False):
            return None
        config = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in self.players
        }
        config["steps_per_execution"] = self.steps_per_execution
        was_chosen = self.jit_compile == self._chosen_jit
        config["jit_compile"] = "auto" if was_chosen else self.jit_compile
        return config

    def compile_from_config(self, config):
        config = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
        }
        if self.distribute_strategy.num_replicas_in_sync > 1:
            config.update(steps_per_execution=1, jit_compile="auto")
        self.compile(**config)

    def minimize(self, loss, tape, variables, optimizer):
        """One optimizer step on the mean loss over all replicas."""
        # `apply` sums over replicas, so each contributes its share.
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1:
            players = getattr(self, "players", ())
            name = [n for n in players if getattr(self, n) is optimizer]
            lockstep.meet(f"the step of {name}", *(v.shape for v in variables))
        share = optimizer.scale_loss(tf.cast(1.0 / replicas, loss.dtype))
        gradients = tape.gradient(loss, variables, output_gradients=share)
        with alone(optimizer):
            optimizer.apply(gradients, variables)

    def finish_step(self, **values):
        """Counts the step, updates a mean per value; returns the log.

        What Keras's callbacks look at is `loss`. Where a method does not give it, as
        one objective that the step made smaller, it is the sum of the other losses: a
        NaN in any of them shows.
        """
        if lockstep.here.step:
            lockstep.meet(f"the log of {sorted(values)}")
        self.steps_done.assign_add(1)
        losses = [
            tf.cast(v, tf.float32) for k, v in values.items() if k.endswith("_loss")
        ]
        if "loss" not in values and losses:
            values["loss"] = tf.add_n(losses)
        for name, value in values.items():
            self.tracker(name).update_state(value)
        return {name: self.tracker(name).result() for name in values}

    def finish_validation(self, rows, **values):
        """Updates the mean over rows of each value; what a `test_step` ends with.

        Args:
            rows: How many rows the batch has, of which the values are means.
            **values: Scalars by the name of their tracker.

        Returns:
            The log, `{name: mean so far}`.
        """
        for name, value in values.items():
            self.tracker(name).update_state(value, tf.cast(rows, tf.float32))
        return {name: self.tracker(name).result() for name in values}

    def tracker(self, name):
        return self._trackers[name]

    @property
    def tracked(self) -> list[str]:
        """Names of all values that training logs, whatever the stage."""
        return list(self._trackers)

    def track(self, *names):
        """Makes a mean per name for `finish_step`; call in the constructor."""
        for name in names:
            if name not in self._trackers:
                self._trackers[name] = keras.metrics.Mean(name=name)

    @property
    def metrics(self) -> list[Any]:
        return list(self._trackers.values())

    def make_train_function(self, force=False):
        # One compiled function a stage, so that a change of stage retraces nothing.
        if force:
            self._stage_functions = {}
        key = (self.stage, self.uses_jit)
        if key not in self._stage_functions:
            jit = contextlib.nullcontext() if self.uses_jit else self._without_jit()
            with self._waiting_for_data(), jit:
                super().make_train_function(force=True)
            function = _telling(self.train_function, lambda: self.training_data)
            self._stage_functions[key] = function
        self.train_function = self._stage_functions[key]

    @property
    def uses_jit(self) -> bool:
        """Whether XLA compiles the steps, in the last `fit` if there was one."""
        return self.jit_compile and not self._is_short_run

    def _is_short(self, dataset, epochs, initial_epoch, steps_per_epoch):
        """Whether this run is too short for XLA where `compile` chose it.

        The steps are those of the whole run, also where it is resumed with
        `initial_epoch` or from a backup: it has to go on as it began. Those of runs
        before it count, for XLA may have compiled the step then.
        """
        on_gpu = tf.config.list_logical_devices("GPU")
        if on_gpu or not getattr(self, "_chosen_jit", False):
            return False
        size = dataset.cardinality
        # Of a distributed dataset it is a property.
        steps = steps_per_epoch or int(size() if callable(size) else size)
        before = int(self.steps_done.numpy()) - initial_epoch * steps
        # Below 0: unknown, or without an end.
        return 0 < steps and max(epochs * steps, before) < self.jit_steps

    @contextlib.contextmanager
    def _waiting_for_data(self):
        """Lets `train_step` begin when its batch is there.

        TensorFlow would run what needs no batch, a step of G say, though there is none.
        """
        step = self.train_step
        watched = contextlib.nullcontext
        if self.distribute_strategy.num_replicas_in_sync > 1:
            name = f"{type(self).__name__}.train_step"
            watched = lockstep.Lockstep(name, self.distribute_strategy).replica

        def after_data(data):
            # `train_on_batch` has a third part, the weights, which are None.
            data = tuple(part for part in data if part is not None)
            if has_workers(self.distribute_strategy):
                self._tell_rows(data)
            with tf.control_dependencies(tf.nest.flatten(data)), watched():
                return self._for_workers(step(data))

        with instead_of(self, "train_step", after_data):
            yield

    def _tell_rows(self, data):
        """Sets the rows of a worker's batch, which TensorFlow forgets on the way."""
        given = getattr(self.training_data, "element_spec", None)
        rows = given[0].shape[0] if given else None
        replicas = self.distribute_strategy.num_replicas_in_sync
        if rows and rows % replicas == 0:
            for part in data:
                part.set_shape((rows // replicas, *part.shape[1:]))

    def _for_workers(self, logs):
        """Returns scalars as vectors where several processes train.

        Keras 3 takes their mean along an axis, which scalars do not have (keras issue
        20585); of a vector of one it is the scalar.
        """
        if not has_workers(self.distribute_strategy):
            return logs
        return tf.nest.map_structure(lambda value: tf.reshape(value, (1,)), logs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # The same issue: Keras would take the mean of the replicas' batches, which may
        # differ in size. Nothing is left to build here.
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super()._maybe_symbolic_build(iterator, data_batch)

    def make_test_function(self, force=False):
        judge = self.test_step
        if self.distribute_strategy.num_replicas_in_sync > 1:
            judge = _where_rows_are(judge)

        def step(data):
            # `test_on_batch` has a third part, the weights, which are None.
            data = tuple(part for part in data if part is not None)
            return self._for_workers(judge(data))

        # Validation sets end in a partial batch: XLA would compile each shape.
        with self._without_jit(), instead_of(self, "test_step", step):
            made = self.test_function
            super().make_test_function(force)
            if self.test_function is not made:
                evaluated = lambda: self.__dict__.get("_evaluated_data")  # noqa: E731
                self.test_function = _telling(self.test_function, evaluated)

    def _get_metrics_result_or_logs(self, logs):
        # Of the log of a step Keras takes the mean over replicas, which is no mean
        # over rows where one has fewer, and no recall. The metrics know all rows.
        if "_evaluated_data" not in self.__dict__:
            return super()._get_metrics_result_or_logs(logs)
        found = self.get_metrics_result()
        return {name: found.get(name, value) for name, value in logs.items()}

    def make_predict_function(self, force=False):
        # As in validation; XLA would also drop the check of the labels.
        with self._without_jit():
            super().make_predict_function(force)

    @contextlib.contextmanager
    def _without_jit(self):
        jit_compile, self.jit_compile = self.jit_compile, False
        try:
            yield
        finally:
            self.jit_compile = jit_compile

    def enter_stage(self, stage):
        """Switches the training step; `fit` calls it at epoch borders."""
        self.stage = stage
        self.on_stage_begin(stage)
        self.make_train_function()

    def fit(
        self,
        x: Any = None,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Trains; `keras.Model.fit` with checks before the first step.

        Args:
            x: Samples in the user's units, or a dataset of batches as in `from_data`,
                best from `kerasos.data.batches`.
            y: Labels, when `x` is an array.
            batch_size: For arrays; 32 by default.
            epochs: Passes over the data, all stages together.
            verbose: As in Keras.
            callbacks: As in Keras.
            validation_split: As in Keras; arrays only.
            validation_data: `(x, y)` or a dataset.
            shuffle: For arrays.
            class_weight: Refused, as is `sample_weight`: the method itself decides
                how often a class is seen.
            sample_weight: Refused.
            **kwargs: The other arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If the data do not fit the model, have no batch, or if
                weights are given.
            RuntimeError: If several processes train and another one was lost.
        """
        weights = {"class_weight": class_weight, "sample_weight": sample_weight}
        refuse_weights(self, "fit", weights)
        dataset, validation_data = check_fit_data(
            self, x, y, batch_size, shuffle, validation_split, validation_data
        )
        kwargs.setdefault("validation_batch_size", VALIDATION_BATCH_SIZE)
        dataset = guarded(self.arrange(dataset), self.spec)
        begun, per_epoch = (kwargs.get(n) for n in ("initial_epoch", "steps_per_epoch"))
        self._is_short_run = self._is_short(dataset, epochs, begun or 0, per_epoch)
        own = StageCallback(dataset, epochs)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            own.set_model(self)
            callbacks.callbacks.append(own)
        else:
            callbacks = keras.tree.flatten(callbacks) if callbacks else []
            callbacks = [*callbacks, own]
        if per_epoch is None and hasattr(dataset, "kerasos_epoch"):
            # Or Keras makes an iterator more after each epoch, in vain.
            kwargs["steps_per_epoch"] = int(dataset.cardinality())
        # Not by attribute: Keras would track the dataset and save it.
        self.__dict__["_training_data"] = dataset
        # What the start of a stage changes is void if the first batch does not fit.
        steps, kept = int(self.steps_done.numpy()), []
        if hasattr(dataset, "kerasos_errors"):
            kept = [(v, v.numpy()) for v in self.non_trainable_variables]
        try:
            with telling_of_lost_workers(self.distribute_strategy):
                return super().fit(
                    dataset,
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_data=validation_data,
                    shuffle=False,
                    **kwargs,
                )
        except (StopIteration, ValueError):
            if int(self.steps_done.numpy()) == steps:
                for variable, value in kept:
                    variable.assign(value)
            raise_fault(dataset)
            raise
        finally:
            del self.__dict__["_training_data"]

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Judges the model on held-out data; `keras.Model.evaluate` with checks.

        Args:
            x: Samples in the user's units, or a dataset of batches `(x, y)`.
            y: Integer labels, when `x` is an array.
            **kwargs: The other arguments of `keras.Model.evaluate`.

        Returns:
            As in Keras, means over rows whatever the batches and the replicas; a loss
            with a random part, or of rows together, has another one in other batches.

        Raises:
            ValueError: If the data do not fit the model, or if weights are given.
        """
        if "_use_cached_eval_dataset" not in kwargs:  # `fit` has checked them
            refuse_weights(self, "evaluate", kwargs)
            data = checked_validation(self, x if y is None else (x, y))
            x, y = data if isinstance(data, tuple) else (data, None)
        self.__dict__["_evaluated_data"] = x
        try:
            result = super().evaluate(x, y, **kwargs)
            raise_fault(x)
            return result
        finally:
            del self.__dict__["_evaluated_data"]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Generates one sample for each label, as `call`; `keras.Model.predict`.

        Args:
            x: Integer labels `(n,)` or names, an array or a list; or a dataset of
                integers, batched or not.
            *args, **kwargs: The other arguments of `keras.Model.predict`.

        Returns:
            Array `(n, *sample_shape)`.

        Raises:
            ValueError: As `sample`.
        """
        spec = getattr(x, "element_spec", None)
        if isinstance(spec, tf.TensorSpec) and spec.shape.rank == 0:
            x = x.batch(VALIDATION_BATCH_SIZE)  # a strategy shares batches alone
        if isinstance(x, tf.distribute.DistributedDataset):
            check_replicas(self, x)
        x = self._as_labels(x)
        if isinstance(x, np.ndarray) and not len(x):  # Keras fails without a batch
            return self.sample(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Generates one sample for each label; `keras.Model.predict_on_batch`."""
        return super().predict_on_batch(self._as_labels(x))

    def train_on_batch(self, x, y=None, **kwargs):
        """One step on arrays; `keras.Model.train_on_batch` with checks.

        Args:
            x: Samples in the user's units.
            y: Integer labels.
            **kwargs: `return_dict`.

        Raises:
            ValueError: If the data do not fit the model, or if weights are given.
        """
        refuse_weights(self, "train_on_batch", kwargs)
        y = check_labels(self.spec.codes_of(y))
        self.spec.check_compatible(x, y)
        return super().train_on_batch(x, y, **kwargs)

    def test_on_batch(self, x, y=None, **kwargs):
        """Judges the model on arrays; `keras.Model.test_on_batch` with checks.

        Args:
            x: Samples in the user's units.
            y: Integer labels.
            **kwargs: `return_dict`.

        Raises:
            ValueError: If the data do not fit the model, if it has no loss of held-out
                data, or if weights are given.
        """
        refuse_weights(self, "test_on_batch", kwargs)
        x, y = checked_validation(self, (x, y))
        return super().test_on_batch(x, y, **kwargs)

    @property
    def training_data(self):
        """The dataset that `fit` is training on, for `on_stage_begin`; else None."""
        return self.__dict__.get("_training_data")

    # Saving.

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, read off the model.

        Each is the attribute of its name; Keras has a `loss` of its own, so `loss` is
        `loss_name`. `noise_dim` follows from the networks.
        """
        config = {"name": self.name, "seed": self.seed}
        for cls in type(self).__mro__:
            if cls is OversamplingModel:
                break
            parameters = inspect.signature(vars(cls).get("__init__", _nothing))
            for name, parameter in list(parameters.parameters.items())[1:]:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    config[name] = getattr(
                        self, "loss_name" if name == "loss" else name
                    )
        config.pop("noise_dim", None)
        config["spec"] = self.spec
        return {name: _to_config(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = {
            name: keras.saving.deserialize_keras_object(value)
            if _is_network(value)
            else value
            for name, value in copy.deepcopy(config).items()  # Keras empties it
        }
        config["spec"] = DataSpec.from_config(config["spec"])
        return cls(**config)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model as a `.keras` file; `keras.Model.save`.

        A file that is there already stays until the new one is complete.

        Args:
            filepath: Path that ends in .keras.
            overwrite: False asks at the prompt before it writes over a file.
            zipped: As in Keras.

        Raises:
            OSError: If the file cannot be written.
        """
        local = str(filepath).endswith(".keras") and "://" not in str(filepath)
        asks = not overwrite and local and os.path.exists(filepath)
        if not local or asks:
            return super().save(filepath, overwrite, zipped, **kwargs)
        with whole_file(filepath, "The model") as draft:
            super().save(draft, overwrite, zipped, **kwargs)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads a file of weights; `keras.Model.load_weights` with checks.

        Args:
            filepath: The file, of `save_weights` or a backup, or a `.keras` file of
                `save`, whose weights are loaded.
            skip_mismatch: As in Keras: True leaves out what does not fit.
            **kwargs: The other arguments of `keras.Model.load_weights`.

        Raises:
            ValueError: If a variable is not in the file, or of another shape there.
                Nothing is loaded then.
        """
        if not skip_mismatch and not kwargs:
            check_weights(self, filepath)
        super().load_weights(filepath, skip_mismatch, **kwargs)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras leaves the state of seed generators (dropout's, say) out of the
        # file, so that a resumed run would redraw from the start.
        for index, state in enumerate(self._seed_states()):
            store[f"seed_{index}"] = state

    def load_own_variables(self, store):
        own = {k: store[k] for k in store.keys() if not k.startswith("seed_")}
        super().load_own_variables(own)
        for index, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{index}"])

    def _seed_states(self):
        return [
            generator.state
            for layer in self._flatten_layers()
            for generator in getattr(layer, "_seed_generators", [])
        ]


@contextlib.contextmanager
def alone(optimizer):
    """Leaves out the sum over replicas of gradients that `optimizer` applies.

    Keras sums over one replica, too, by a function that has a gradient of its own.
    TensorFlow registers that gradient in every graph that it traces and never takes it
    away: the step's graph and all variables of model and optimizer stay in memory when
    the model is gone, and a process that trains one model after the other fills up.

    Args:
        optimizer: A `keras.optimizers.Optimizer`, or one in a `LossScaleOptimizer`.
            In a strategy of several replicas nothing is left out.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    summed = getattr(inner, "_all_reduce_sum_gradients", list)

    def summed_if_several(pairs):
        # Asked in the step: a model keeps the strategy that it was built in.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return summed(pairs) if replicas > 1 else list(pairs)

    with instead_of(inner, "_all_reduce_sum_gradients", summed_if_several):
        yield


@contextlib.contextmanager
def instead_of(owner, name, function):
    """Has `owner`, and no other of its class, call `function` as its method `name`."""
    own = owner.__dict__.pop(name, None)
    owner.__dict__[name] = function
    try:
        yield
    finally:
        owner.__dict__[name] = own
        if own is None:
            del owner.__dict__[name]


@contextlib.contextmanager
def watching(variables):
    """Yields a `tf.GradientTape` of these Keras variables and nothing else."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        # Keras variables wrap what the tape can watch.
        for variable in variables:
            tape.watch(variable.value)
        yield tape


def _where_rows_are(step):
    """Returns a `test_step` that makes nothing of an empty batch.

    The last batch may have fewer rows than there are replicas. The mean of no row is
    NaN, and some operations of TensorFlow fail without one.
    """
    logs = {}  # of the first replica, which always has a row

    def run(data):
        def judged():
            logs.update(step(data))
            return dict(logs)

        def nothing():
            return {name: tf.zeros(v.shape, v.dtype) for name, v in logs.items()}

        return tf.cond(tf.shape(data[0])[0] > 0, judged, nothing)

    return run


def _telling(function, dataset):
    """Returns a function of an iterator that says why its dataset ended, if unfit.

    Args:
        function: Of the iterator, one execution.
        dataset: Returns what is iterated over, maybe of `guarded`.
    """

    def run(iterator):
        try:
            return function(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            raise_fault(dataset())
            raise

    return run


def num_rows(tensor):
    """Static size of the first axis where it is known, else a scalar tensor."""
    return tensor.shape[0] if tensor.shape[0] is not None else tf.shape(tensor)[0]


def _nothing(self):
    """Stands for a constructor that a class does not have."""


def _to_config(value):
    """What a config holds of an argument: plain values, and serialised objects."""
    if isinstance(value, DataSpec):
        return value.get_config()
    if hasattr(value, "get_config"):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, list | tuple):
        return [_to_config(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _is_network(value):
    """Whether an entry of a config is a serialised object, or a list of them."""
    if isinstance(value, list) and value:
        return all(_is_network(part) for part in value)
    return isinstance(value, dict) and "class_name" in value

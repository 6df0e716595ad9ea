"""The base of every method: noise, steps, saving, sampling, oversampling.

No loss and no architecture here. What a method must get right on several devices,
after a crash and at the user's border is done once, in this file.
"""

import copy
import time

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.spec import DataSpec
from kerasos.models.training import (
    VALIDATION_BATCH_SIZE,
    StageCallback,
    check_fit_data,
)
from kerasos.seeds import derive_seed, fresh_seed


class OversamplingModel(keras.Model):
    """A generative model of labelled data that can balance a training set.

    A subclass takes built networks, sets `noise_dim`, and provides `train_step`,
    `generate` and `player_variables`. Values cross the border in the user's units
    (`spec.value_range`); inside they are float32 in `model_range`.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        noise_dim: Width of the standard normal noise behind one sample.
        seed: Integer behind all noise of training; None draws one.
        **kwargs: `name` and the like, for `keras.Model`.

    Attributes:
        produces_samples: Whether `sample` gives samples in the user's space.
        trains_classifier: Whether `classifier` is trained by `fit`.
        stages: Names of the training stages, in the order in which they come.
    """

    produces_samples = True
    trains_classifier = False
    model_range = (-1.0, 1.0)
    stages = ("train",)

    def __init__(self, *, spec, noise_dim, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.spec = spec
        self.noise_dim = int(noise_dim)
        self.seed = fresh_seed() if seed is None else int(seed)
        self.classifier = None
        self.stage = self.stages[0]
        self.steps_done = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="steps_done",
        )
        self.calls_done = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="calls_done",
        )
        self._trackers = {}
        self._stage_functions = {}
        # `fit` under a strategy refuses a model that no call has built.
        self.built = True

    # What a method defines.

    def player_variables(self):
        """Returns `{optimizer name: variables that it moves}`."""
        raise NotImplementedError

    def generate(self, latent, labels):
        """Maps latents `(batch, latent_dim)` to samples in `model_range`.

        Inference mode, no random operation inside.
        """
        raise NotImplementedError

    def latent(self, noise, labels):
        """Maps standard normal noise `(batch, noise_dim)` to latents."""
        del labels
        return noise

    def stage_at(self, epoch):
        """Returns the stage that `epoch` belongs to."""
        del epoch
        return self.stages[0]

    def on_stage_begin(self, stage):
        """Called outside the graph when `fit` enters `stage`; safe to repeat."""

    @property
    def prefers_jit(self):
        """Whether XLA is the faster choice for these networks on one device."""
        return False

    @property
    def latent_dim(self):
        return self.noise_dim

    @property
    def sample_shape(self):
        return self.spec.shape

    @property
    def sample_dtype(self):
        return self.spec.dtype

    @property
    def sampled_labels(self):
        """Labels that the model can generate."""
        return list(range(self.spec.num_classes))

    # Units.

    def to_model(self, x):
        """Scales samples from the user's units to float32 in `model_range`."""
        low, high = self.spec.value_range
        start, end = self.model_range
        scale = (end - start) / (high - low)
        return (tf.cast(x, tf.float32) - low) * scale + start

    def to_user(self, samples):
        """Scales samples from `model_range` to the user's units and dtype."""
        low, high = self.spec.value_range
        start, end = self.model_range
        values = (tf.cast(samples, tf.float32) - start) * ((high - low) / (end - start))
        values += low
        dtype = tf.as_dtype(self.sample_dtype)
        if dtype.is_integer:
            values = tf.round(tf.clip_by_value(values, low, high))
        return tf.cast(values, dtype)

    # Noise: a pure function of (seed, step, tag, row of the global batch).

    def normal(self, rows, width, tag):
        """Draws `(rows, width)` standard normals for the current step.

        Under a strategy `rows` are this replica's rows of one global draw: every
        replica sees other noise, and all of them together what one device would.
        """
        return self._draw(tf.random.stateless_normal, rows, (width,), tag)

    def uniform(self, rows, tag, maxval=1.0):
        """Draws `(rows,)` uniforms in [0, maxval); as `normal`."""
        return maxval * self._draw(tf.random.stateless_uniform, rows, (), tag)

    def shared_uniform(self, tag):
        """Draws one uniform in [0, 1) that all replicas share."""
        return tf.random.stateless_uniform((), self._step_seed(tag), alg="philox")

    def _step_seed(self, tag):
        seed = derive_seed(self.seed, type(self).__name__, tag)
        step = tf.convert_to_tensor(self.steps_done)
        return tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])

    def _draw(self, function, rows, tail, tag):
        replicas, replica = replica_context()
        total = rows * replicas
        values = function((total, *tail), self._step_seed(tag), alg="philox")
        return values if replicas == 1 else values[replica * rows :][:rows]

    # Training.

    def compile_players(self, optimizers, **kwargs):
        """Builds one optimizer a player; the body of every `compile`.

        Args:
            optimizers: `{name: optimizer}`, names as in `player_variables`; each
                a Keras optimizer, its name or its config.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        replicas = self.distribute_strategy.num_replicas_in_sync
        jit_compile = kwargs.pop("jit_compile", "auto")
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
            jit_compile = self.prefers_jit and replicas == 1 and not eager
        variables = self.player_variables()
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        self._players = [name for name in optimizers if name in variables]
        for name in self._players:
            optimizer = keras.optimizers.get(optimizers[name])
            if keras.config.dtype_policy().name == "mixed_float16":
                if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                    optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            # Under a strategy and after loading, an optimizer that `compile` has
            # not built fails or silently starts from zero.
            optimizer.build(variables[name])
            setattr(self, name, optimizer)
        # Keras's learning-rate callbacks look at `optimizer`.
        self.optimizer = getattr(self, self._players[-1])
        self._stage_functions = {}

    def get_compile_config(self):
        if not getattr(self, "compiled", False):
            return None
        config = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in self._players
        }
        config["steps_per_execution"] = self.steps_per_execution
        config["jit_compile"] = self.jit_compile
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
        share = optimizer.scale_loss(tf.cast(1.0 / replicas, loss.dtype))
        gradients = tape.gradient(loss, variables, output_gradients=share)
        optimizer.apply(gradients, variables)

    def finish_step(self, **values):
        """Counts the step, updates a mean per value; returns the log."""
        self.steps_done.assign_add(1)
        for name, value in values.items():
            self.tracker(name).update_state(value)
        return {name: self.tracker(name).result() for name in values}

    def tracker(self, name):
        return self._trackers[name]

    def track(self, *names):
        """Makes a mean per name for `finish_step`; call in the constructor."""
        for name in names:
            self._trackers[name] = keras.metrics.Mean(name=name)

    @property
    def metrics(self):
        return list(self._trackers.values())

    def make_train_function(self, force=False):
        # One compiled function a stage, so that a change of stage retraces nothing.
        if force:
            self._stage_functions = {}
        if self.stage not in self._stage_functions:
            super().make_train_function(force=True)
            self._stage_functions[self.stage] = self.train_function
        self.train_function = self._stage_functions[self.stage]

    def make_test_function(self, force=False):
        # Validation sets end in a partial batch: XLA would compile each shape.
        jit_compile, self.jit_compile = self.jit_compile, False
        super().make_test_function(force)
        self.jit_compile = jit_compile

    def enter_stage(self, stage):
        """Switches the training step; `fit` calls it at epoch borders."""
        self.stage = stage
        self.on_stage_begin(stage)
        self.make_train_function()

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """Trains; `keras.Model.fit` with checks before the first step.

        Args:
            x: Samples in the user's units, or a `tf.data.Dataset` of `(x, y)`,
                best from `kerasos.data.batches`.
            y: Integer labels, when `x` is an array.
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
        """
        if class_weight is not None or sample_weight is not None:
            raise ValueError(
                f"`{type(self).__name__}.fit` takes no `class_weight` and no "
                "`sample_weight`: oversampling replaces them. Received: "
                f"class_weight={class_weight}, sample_weight={sample_weight}. "
                "Leave them out."
            )
        dataset, validation_data = check_fit_data(
            self, x, y, batch_size, shuffle, validation_split, validation_data
        )
        kwargs.setdefault("validation_batch_size", VALIDATION_BATCH_SIZE)
        own = StageCallback(dataset, epochs)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            own.set_model(self)
            callbacks.callbacks.append(own)
        else:
            callbacks = keras.tree.flatten(callbacks) if callbacks else []
            callbacks = [*callbacks, own]
        return super().fit(
            dataset,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=False,
            **kwargs,
        )

    # Sampling.

    def call(self, labels):
        """Generates one sample for each label, fresh noise at every call.

        Args:
            labels: Integer tensor `(batch,)`.

        Returns:
            Samples in the user's units and dtype.
        """
        labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
        # Every replica counts calls alike, so its number keeps draws apart.
        _, replica = replica_context()
        first = tf.constant(derive_seed(self.seed, "call"), tf.int64)
        first += tf.cast(replica, tf.int64)
        count = tf.cast(tf.convert_to_tensor(self.calls_done), tf.int64)
        self.calls_done.assign_add(1)
        shape = (tf.shape(labels)[0], self.noise_dim)
        noise = tf.random.stateless_normal(shape, [first, count], alg="philox")
        return self._samples(noise, labels)

    def _samples(self, noise, labels):
        latent = self.latent(noise, labels)
        return self.to_user(self.generate(latent, labels))

    def sample(self, labels, seed=None, batch_size=512, verbose="auto"):
        """Generates one sample for each label.

        Args:
            labels: Integers `(n,)`.
            seed: Integer; the same seed gives the same samples, whatever
                `batch_size` (up to the last bit of a float32 sum). None draws one.
            batch_size: Rows that are generated at once; bounds the memory.
            verbose: 0 for silence, 1 for a progress bar, "auto" for a bar when it
                takes more than a few seconds.

        Returns:
            Array `(n, *sample_shape)` in the user's units and dtype.

        Raises:
            ValueError: If a label is not one that the model can generate.
        """
        labels = self._check_sampled_labels(labels)
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: batch_size={batch_size}."
            )
        dtype = tf.as_dtype(self.sample_dtype).as_numpy_dtype
        samples = np.empty((len(labels), *self.sample_shape), dtype)
        noise_source = np.random.default_rng(fresh_seed() if seed is None else seed)
        generate = self._sample_function()
        progress, started = None, time.monotonic()
        for start in range(0, len(labels), batch_size):
            chunk = labels[start : start + batch_size]
            # Drawn row after row, so that the chunk size does not matter.
            noise = noise_source.standard_normal(
                (len(chunk), self.noise_dim), dtype="float32"
            )
            samples[start : start + len(chunk)] = generate(noise, chunk)
            slow = verbose == "auto" and time.monotonic() - started > 3.0
            if progress is None and (slow or verbose == 1):
                progress = keras.utils.Progbar(len(labels), unit_name="sample")
            if progress is not None:
                progress.update(start + len(chunk))
        return samples

    def _sample_function(self):
        # Held outside Keras's attribute tracking: it is no state.
        function = self.__dict__.get("_compiled_samples")
        if function is None:
            signature = [
                tf.TensorSpec((None, self.noise_dim), tf.float32),
                tf.TensorSpec((None,), tf.int32),
            ]
            function = tf.function(self._samples, input_signature=signature)
            self.__dict__["_compiled_samples"] = function
        return lambda noise, labels: function(noise, labels).numpy()

    def _check_sampled_labels(self, labels):
        labels = np.asarray(labels)
        if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
            raise ValueError(
                "`labels` must be a vector of integers. Received: shape "
                f"{labels.shape}, dtype {labels.dtype}. Pass for example "
                "`[1] * 100`."
            )
        allowed = self.sampled_labels
        wrong = sorted(set(labels.tolist()) - set(allowed))
        if wrong:
            raise ValueError(
                f"`labels` must be classes that {type(self).__name__} generates. "
                f"Expected: {allowed}. Received also: {wrong}. "
                + self._why_not_sampled()
            )
        return labels.astype("int32")

    def _why_not_sampled(self):
        return "Labels are integers from 0 to num_classes - 1."

    def oversample(self, x, y, sampling_strategy="auto", seed=None):
        """Adds generated samples until the classes are balanced.

        Args:
            x: Samples in the user's units, `(n, *spec.shape)`.
            y: Integer labels `(n,)`.
            sampling_strategy: As in imbalanced-learn: "auto" fills every class up
                to the largest; a float (two classes), a dict of target counts or
                a callable work too.
            seed: Integer for the generated samples.

        Returns:
            `(x_res, y_res, is_synthetic)`: the originals first and unchanged,
            then the generated samples, class by class; `is_synthetic` is boolean.

        Raises:
            ValueError: If the data do not fit the model, or a class that the
                model cannot generate is asked for.
        """
        from kerasos.over_sampling.resample import append, samples_to_add

        if not self.produces_samples:
            raise ValueError(
                f"`{type(self).__name__}.oversample` needs samples, and this model "
                f"generates features of shape {self.sample_shape}. Use "
                "`sample` for features, or GAMO2pix to turn them into images."
            )
        x, y = np.asarray(x), np.asarray(y)
        self.spec.check_compatible(x, y)
        labels = samples_to_add(y, sampling_strategy)
        return append(x, y, self.sample(labels, seed=seed), labels)

    def export(self, path, *, card=None, **kwargs):
        """Writes the generator as a SavedModel; see `kerasos.export`.

        Args:
            path: A version folder (its name is an integer), or the parent of
                version folders: then the next version is written.
            card: Dict of extra entries for `card.json`.
            **kwargs: Further options of `kerasos.export.export_model`.

        Returns:
            The path of the version folder.
        """
        from kerasos.export import export_model

        return export_model(self, path, card=card, **kwargs)

    # Saving.

    def get_config(self):
        config = {"name": self.name, "spec": self.spec.get_config()}
        config.update(noise_dim=self.noise_dim, seed=self.seed)
        return config

    @classmethod
    def from_config(cls, config):
        config = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and "class_name" in value
            else value
            for name, value in copy.deepcopy(config).items()  # Keras empties it
        }
        config["spec"] = DataSpec.from_config(config["spec"])
        return cls(**config)

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


def replica_context():
    """Returns (number of replicas, number of this replica)."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    context = tf.distribute.get_replica_context()
    if replicas == 1 or context is None:
        return replicas if context is not None else 1, 0
    return replicas, context.replica_id_in_sync_group

"""From labels to samples, and from an imbalanced set to a balanced one."""

import time

import keras
import numpy as np
import tensorflow as tf

from kerasos.checks import checked
from kerasos.data.resample import append, samples_to_add
from kerasos.randomness.draws import replica_context
from kerasos.randomness.seeds import derive_seed, fresh_seed

# What a user of other generators may write.
SAMPLE_HINTS = dict.fromkeys(
    ("n", "num", "count", "n_samples", "num_samples", "num_rows", "size", "label"),
    "One sample is made for each label: `sample([1] * 10)` gives ten of class 1.",
)


class Sampling:
    """What a trained model does for its user, whatever the method.

    For a `keras.Model` with `latent`, `generate`, `to_user`, `sampled_labels`,
    `noise_dim`, `seed`, `is_trained` and the variable `calls_done`.

    Attributes:
        sampling_settings: Names of attributes that may be set between two calls of
            `sample`; it follows them.
        allow_untrained: Whether a model that has made no step of training generates,
            too, for instance networks of yours that were trained elsewhere.
    """

    sampling_settings = ()
    allow_untrained = False

    def call(self, labels):
        """Generates one sample for each label, fresh noise at every call.

        Args:
            labels: Integer tensor `(batch,)`.

        Returns:
            Samples in the user's units and dtype.

        Raises:
            InvalidArgumentError: If a label is not one that the model can generate.
            ValueError: If the model has not been trained.
        """
        with tf.init_scope():
            self._check_trained()
        labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
        allowed = tf.constant(self.sampled_labels, tf.int32)
        known = tf.reduce_any(labels[:, None] == allowed[None, :], axis=1)
        tf.debugging.Assert(
            tf.reduce_all(known),
            [f"Labels that the model generates: {self.sampled_labels}. Got:", labels],
        )
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

    @checked(hints=SAMPLE_HINTS)
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
            ValueError: If a label is not one that the model can generate, or the model
                has not been trained.
        """
        return self._sample_in_chunks([labels], seed, batch_size, verbose)

    def _sample_in_chunks(self, columns, seed, batch_size, verbose):
        """The work of `sample`, for a method that takes more than labels a row.

        Args:
            columns: List of arrays of one length, what `_sample_function` takes
                behind the noise; first the labels.
            seed, batch_size, verbose: As in `sample`.
        """
        labels, *others = columns
        labels = self._check_sampled_labels(labels)
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: batch_size={batch_size}."
            )
        dtype = tf.as_dtype(self.sample_dtype).as_numpy_dtype
        samples = np.empty((len(labels), *self.sample_shape), dtype)
        noise_source = np.random.default_rng(fresh_seed(seed))
        generate = self._sample_function()
        progress, started = None, time.monotonic()
        for start in range(0, len(labels), batch_size):
            chunk, *rest = (c[start : start + batch_size] for c in (labels, *others))
            # Drawn row after row, so that the chunk size does not matter.
            noise = noise_source.standard_normal(
                (len(chunk), self.noise_dim), dtype="float32"
            )
            samples[start : start + len(chunk)] = generate(noise, chunk, *rest)
            slow = verbose == "auto" and time.monotonic() - started > 3.0
            if progress is None and (slow or verbose == 1):
                progress = keras.utils.Progbar(len(labels), unit_name="sample")
            if progress is not None:
                progress.update(start + len(chunk))
        return samples

    def _sample_function(self):
        # Held outside Keras's attribute tracking: it is no state.
        settings = repr([getattr(self, name) for name in self.sampling_settings])
        function, made_with = self.__dict__.get("_compiled_samples", (None, None))
        if function is None or made_with != settings:
            signature = [
                tf.TensorSpec((None, self.noise_dim), tf.float32),
                tf.TensorSpec((None,), tf.int32),
            ]
            if self.num_codes:
                signature.append(tf.TensorSpec((None, self.num_codes), tf.float32))
            function = tf.function(self._samples, input_signature=signature)
            self.__dict__["_compiled_samples"] = (function, settings)
        return lambda *inputs: function(*inputs).numpy()

    def _check_trained(self):
        if not self.allow_untrained and not self.is_trained:
            raise ValueError(
                f"`{type(self).__name__}` has not been trained, and would generate "
                "noise. Expected `fit` first, or weights of a trained model. Received: "
                "a model without a training step. Call `fit` or `load_weights`; set "
                "`model.allow_untrained = True` to generate all the same."
            )

    def _check_sampled_labels(self, labels):
        self._check_trained()
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
            ValueError: If the data do not fit the model, a class that the model
                cannot generate is asked for, or the model has not been trained.
        """
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

        Raises:
            ValueError: If the model has not been trained.
        """
        self._check_trained()
        from kerasos.export import export_model

        return export_model(self, path, card=card, **kwargs)

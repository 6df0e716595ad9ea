"""From labels to samples, and from an imbalanced set to a balanced one."""

import math
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import PathLike, Samples, Strategy
from kerasos.checks import check_count, checked
from kerasos.data.arrays import as_array, check_labels
from kerasos.data.labels import labels_like, strategy_of
from kerasos.data.resample import append, samples_to_add
from kerasos.data.sources import check_form, is_dataset
from kerasos.data.stream import Maker, balanced_stream, filled_up
from kerasos.randomness.draws import replica_context
from kerasos.randomness.seeds import derive_seed, fresh_seed
from kerasos.traced import traced

_VALUES_AT_ONCE = 1 << 22  # of samples, in a chunk of the default size
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
        sampling_only: Names of options that training does not know: a run goes on from
            the backup of one with others.
        allow_untrained: Whether a model that has made no step of training generates,
            too, for instance networks of yours that were trained elsewhere.
    """

    sampling_settings: tuple[str, ...] = ()
    sampling_only: tuple[str, ...] = ()
    allow_untrained = False

    if TYPE_CHECKING:  # what the model that it belongs to has

        def __getattr__(self, name: str) -> Any: ...

    def call(self, labels: Any) -> Any:
        """Generates one sample for each label, fresh noise at every call.

        Args:
            labels: Integers `(batch,)`, a tensor, an array or a list; a list or an
                array may be of names of the classes.

        Returns:
            Samples in the user's units and dtype.

        Raises:
            InvalidArgumentError: If a label in a tensor is not one that the model can
                generate.
            ValueError: If another one is not, the model has not been trained, or
                `labels` are not a vector.
        """
        self._check_trained()
        labels = tf.convert_to_tensor(labels)
        _check_one_each(labels.shape)
        if labels.dtype == tf.string:
            raise ValueError(
                "Labels in tensors must be integers. Received: text. Map names to "
                "their places with `keras.layers.StringLookup(vocabulary=names, "
                "num_oov_indices=0)`, or pass a list or an array of names."
            )
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

    def __call__(self, labels: Any, *args: Any, **kwargs: Any) -> Any:
        labels = self._as_labels(labels)
        return super().__call__(labels, *args, **kwargs)  # type: ignore[misc]

    def _as_labels(self, labels):
        """Returns integers for a list, an array or names; others as they are.

        Keras would take a list for the inputs of several networks.
        """
        is_plain = not hasattr(labels, "__iter__") or hasattr(labels, "__array__")
        is_plain |= isinstance(labels, list | tuple | range | str)
        of_keras = isinstance(labels, keras.KerasTensor | keras.Variable)
        if not is_plain or of_keras or tf.is_tensor(labels):
            return labels
        labels = as_array(self.spec.codes_of(labels), "Labels")
        _check_one_each(labels.shape)
        labels = labels.reshape(-1)
        if labels.dtype.kind in "bf" and np.array_equal(labels, np.rint(labels)):
            labels = labels.astype("int64")
        return self._check_sampled_labels(labels)

    def _samples(self, noise, labels):
        latent = self.latent(noise, labels)
        return self.to_user(self.generate(latent, labels))

    @checked(hints=SAMPLE_HINTS)
    def sample(
        self,
        labels: ArrayLike,
        seed: int | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
    ) -> np.ndarray:
        """Generates one sample for each label.

        Args:
            labels: Integers `(n,)`, or names of the classes where the data had some.
            seed: Integer; the same seed gives the same samples, whatever
                `batch_size` (up to the last bit of a float32 sum). None draws one.
            batch_size: Rows that are generated at once; bounds the memory. Default:
                512, or fewer of large samples.
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
        if batch_size is None:
            most = _VALUES_AT_ONCE // math.prod(self.sample_shape)
            batch_size = min(512, max(16, most))
        check_count("batch_size", batch_size)
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
            function = traced(self._samples, *signature)
            self.__dict__["_compiled_samples"] = (function, settings)
        return lambda *inputs: function(*map(tf.convert_to_tensor, inputs)).numpy()

    def _check_makes_samples(self, name):
        if not self.produces_samples:
            raise ValueError(
                f"`{type(self).__name__}.{name}` needs samples, and this model "
                f"generates features of shape {self.sample_shape}. Use "
                "`sample` for features, or GAMO2pix to turn them into images."
            )

    def _check_trained(self):
        with tf.init_scope():  # a counter tells, also while a function is traced
            may = self.allow_untrained or self.is_trained
        if not may:
            raise ValueError(
                f"`{type(self).__name__}` has not been trained, and would generate "
                "noise. Expected `fit` first, or weights of a trained model. Received: "
                "a model without a training step. Call `fit` or `load_weights`; set "
                "`model.allow_untrained = True` to generate all the same."
            )

    def _check_sampled_labels(self, labels):
        self._check_trained()
        labels = np.asarray(self.spec.codes_of(labels))
        if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
            raise ValueError(
                "`labels` must be a vector of integers, or of names of the classes. "
                f"Received: shape {labels.shape}, dtype {labels.dtype}. Pass for "
                "example `[1] * 100`."
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

    def oversample(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        sampling_strategy: Strategy = "auto",
        seed: int | None = None,
        mark_synthetic: bool = False,
    ) -> Any:
        """Adds generated samples until the classes are balanced.

        Args:
            x: Samples in the user's units, `(n, *spec.shape)`; or a finite dataset as
                in `from_data`.
            y: Labels `(n,)`, integers or names; None for a dataset.
            sampling_strategy: As in imbalanced-learn: "auto" fills every class up
                to the largest; a float (two classes), a dict of target counts or
                a callable work too.
            seed: Integer for the generated samples.
            mark_synthetic: For a dataset: whether its elements have a third part, which
                says what is generated. `fit` would take it for weights.

        Returns:
            `(x_res, y_res, is_synthetic)`: the originals first and unchanged,
            then the generated samples, class by class; `is_synthetic` is boolean. For
            a dataset a dataset of `(x, y)` in this order, batched and with labels as
            it is, whose new samples are generated as it is read, the same in each pass.
            One of single samples needs `.batch(32)` before a classifier's `fit`.

        Raises:
            ValueError: If the data do not fit the model, a class that the model
                cannot generate is asked for, or the model has not been trained.
        """
        self._check_makes_samples("oversample")
        if is_dataset(x):
            return filled_up(
                self._maker(), x, y, sampling_strategy, seed, mark_synthetic
            )
        check_form(x, y)
        x, y = as_array(x), as_array(y, "`y`")
        codes = check_labels(self.spec.codes_of(y))
        self.spec.check_compatible(x, codes)
        strategy = strategy_of(sampling_strategy, self.spec.label_names)
        labels = samples_to_add(codes, strategy)
        x_new = self.sample(labels, seed=seed)
        return append(x, y, x_new, labels_like(labels, y, self.spec.label_names))

    def balanced_dataset(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> tf.data.Dataset:
        """Returns a dataset for a classifier in which the classes are alike.

        Real rows, changed by your own augmentation if you give it, and generated ones
        where a class lacks them: `classifier.fit(model.balanced_dataset(dataset, 32))`.

        Args:
            x: Real rows: a dataset as in `from_data`, or samples `(n, *spec.shape)`.
            y: Their labels `(n,)`; None for a dataset.
            batch_size: Rows of a batch, 32 by default.
            **kwargs: `synthetic`, `augment`, `pool`, `refresh`, `mark_synthetic`,
                `synthetic_weight`, `filter`, `steps_per_epoch`, `memory_mb`, `seed`:
                see `help(kerasos.data.stream.balanced_stream)`.

        Returns:
            A `tf.data.Dataset` of `(x, y)`. It, a dataset made of it or an iterator has
            to be kept while it is read, for the model goes with the last of them.

        Raises:
            TypeError, ValueError: As there; also if the model has not been trained, or
                generates features.
        """
        self._check_makes_samples("balanced_dataset")
        self._check_trained()
        return balanced_stream(self._maker(), x, y, batch_size, **kwargs)

    def _maker(self):
        return Maker(
            lambda labels, seed: self.sample(labels, seed=seed, verbose=0),
            self.sampled_labels,
            self.sample_shape,
            self.sample_dtype,
            self.spec.num_classes,
            self.spec.label_names,
            self.spec.check_values,
        )

    def export(
        self, path: PathLike, *, card: dict[str, Any] | None = None, **kwargs: Any
    ) -> str:
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


def _check_one_each(shape):
    """Raises unless labels are a vector or a column, as far as is known."""
    shape = tf.TensorShape(shape)
    if shape.rank is not None and any(size not in (1, None) for size in shape[1:]):
        raise ValueError(
            "A sample is made for each label. Expected integers `(batch,)`. "
            f"Received: shape {tuple(shape)}. Use `y.argmax(axis=-1)` for one-hot rows."
        )

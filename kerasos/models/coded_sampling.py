"""Sampling with codes: given, drawn from their prior, or walked through."""

import warnings
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kerasos.seeds import fresh_seed

# Beyond these, images of the codes' prior are no guide: a uniform one ends at 1.
FAR = {"uniform": 1.5, "normal": 3.0}


class CodedSampling:
    """What a user does with the codes of a trained model.

    For an `OversamplingModel` with `graph`, `num_codes`, `latent_dim`, `code_prior`,
    `trunk` and `code_head`. Latents are noise and codes side by side.
    """

    @property
    def graph(self):
        """The `CodeGraph`; assign a renamed one to give the codes other names."""
        return self._graph

    @graph.setter
    def graph(self, graph):
        present = self.__dict__.get("_graph")
        if present is not None and graph.parents != present.parents:
            raise ValueError(
                "The edges of a model's graph are part of its loss and stay. Expected "
                "the same graph under other names, `model.graph.rename({...})`. "
                f"Received: {graph}. Build another model for other edges."
            )
        self._graph = graph

    def sample(self, labels, seed=None, batch_size=512, verbose="auto", *, codes=None):
        """Generates one sample for each label, with codes given or drawn.

        Args:
            labels: Integers `(n,)`.
            seed: Integer; the same seed gives the same noise and, where they are
                drawn, the same codes.
            batch_size: Rows that are generated at once; bounds the memory.
            verbose: 0 for silence, 1 for a progress bar, "auto" for a bar when it
                takes more than a few seconds.
            codes: None (all drawn); an array `(n, num_codes)`, or `(num_codes,)` for
                all samples; or a dict from some codes, by name or number, to a value
                or an array `(n,)`: the others are drawn.

        Returns:
            Array `(n, *sample_shape)` in the user's units and dtype.

        Raises:
            ValueError: If a label cannot be generated, or codes do not fit.

        Example:

        >>> model.sample([3] * 10, codes={"c0": np.linspace(-1, 1, 10)}, seed=0)
        """
        labels = self._check_sampled_labels(labels)
        codes = self._code_columns(codes, len(labels))
        return self._sample_in_chunks([labels, codes], seed, batch_size, verbose)

    def traverse(self, label, code, values, seed=None):
        """Generates one sample a value of one code; all else stays as it is.

        Args:
            label: Integer.
            code: Name or number of an observed code.
            values: Floats `(n,)`, for instance `np.linspace(-1, 1, 9)`.
            seed: Integer for the noise and the other codes, which are drawn once.

        Returns:
            Array `(n, *sample_shape)` in the user's units and dtype.
        """
        values = np.asarray(values, "float32")
        if values.ndim != 1:
            raise ValueError(
                "`values` must be a vector of floats, a sample each. Received: shape "
                f"{values.shape}."
            )
        labels = self._check_sampled_labels(np.full(len(values), label))
        codes = self._code_columns({code: values}, len(values))
        source = np.random.default_rng(fresh_seed() if seed is None else seed)
        noise = source.standard_normal((1, self.noise_dim), dtype="float32")
        noise = np.repeat(noise, len(values), axis=0)
        return self._sample_function()(noise, labels, codes)

    def latent_codes(self, x, batch_size=512):
        """Reads the codes off samples, real or generated.

        Args:
            x: Array `(n, *spec.shape)` in the user's units.
            batch_size: Rows at once.

        Returns:
            Float32 array `(n, num_codes)`, the latent codes c'.
        """
        return self._in_batches(self._head_function("code_head"), x, batch_size)

    def class_probabilities(self, x, batch_size=512):
        """Returns `(n, num_classes)`: q(y | x) of D's class head, by class code."""
        logits = self._head_function("classifier_head")
        return self._in_batches(lambda part: tf.nn.softmax(logits(part)), x, batch_size)

    def _head_function(self, name):
        functions = self.__dict__.setdefault("_head_functions", {})
        if name not in functions:

            @tf.function(reduce_retracing=True)
            def function(x):
                features = self.trunk(self.to_model(x), training=False)
                return tf.cast(getattr(self, name)(features), tf.float32)

            functions[name] = function
        return functions[name]

    def _in_batches(self, function, x, batch_size):
        x = np.asarray(x)
        self.spec.check_compatible(x)
        starts = range(0, len(x), batch_size)
        return np.concatenate([function(x[i : i + batch_size]).numpy() for i in starts])

    def _samples(self, noise, labels, codes=None):
        latent = self.latent(noise, labels)
        if codes is not None:
            drawn = latent[:, self.latent_dim :]
            codes = tf.where(tf.math.is_nan(codes), drawn, codes)
            latent = tf.concat([latent[:, : self.latent_dim], codes], -1)
        return self.to_user(self.generate(latent, labels))

    def _code_columns(self, codes, n):
        """Returns a float32 array `(n, num_codes)`, NaN where a code is to be drawn."""
        columns = np.full((n, self.num_codes), np.nan, "float32")
        if codes is None:
            return columns
        if isinstance(codes, Mapping):
            given = [(self.graph.index(code), value) for code, value in codes.items()]
            if len(dict(given)) < len(given):
                raise ValueError(
                    f"A code may be given once. Received: {list(codes)}, two of which "
                    "are names of the same one."
                )
            wanted = f"a number or a vector of {n} numbers for each code"
        else:
            given = [(slice(None), codes)]
            wanted = f"shape {(n, self.num_codes)} or {(self.num_codes,)}"
        for place, value in given:
            value = np.asarray(value, "float32")
            try:
                columns[:, place] = value
            except ValueError:
                value = None
            if value is None or not np.isfinite(value).all():
                raise ValueError(
                    f"`codes` must be finite and fit the {n} labels. Expected {wanted}."
                    f" Received: {codes!r}. Leave out a code that is to be drawn."
                )
        far = np.nanmax(np.abs(columns), initial=0.0)
        if far > FAR[self.code_prior]:
            warnings.warn(
                f"Codes up to {far:.3g} in size lie far outside the {self.code_prior} "
                "prior that the generator was trained with: expect artefacts, and "
                f"samples of another class. Keep them within {FAR[self.code_prior]}.",
                stacklevel=3,
            )
        return columns

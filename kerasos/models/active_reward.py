"""How hard a sample is for the classifier of the labelled data, and hard samples."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers.class_probabilities import EstimatorProbabilities
from kerasos.losses.uncertainty import margin, uncertainty_reward
from kerasos.seeds import derive_seed, fresh_seed

_CHUNK = 512


class HardSamples:
    """Scores samples, and generates those that the classifier is unsure of.

    For an `OversamplingModel` with `reward_classifier` and the settings `alpha`,
    `eps`, `entropy`, `max_margin`.
    """

    def probabilities(self, x):
        """Returns the class probabilities of samples, `(n, num_classes)`.

        Args:
            x: Samples in the user's units, `(n, *spec.shape)`.

        Raises:
            ValueError: If the samples do not fit the model.
        """
        x = np.asarray(x)
        self.spec.check_compatible(x)
        x = x.astype(self.spec.dtype, copy=False)
        probs = np.empty((len(x), self.spec.num_classes), "float32")
        compute = self._probability_function()
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            probs[start : start + len(part)] = compute(part).numpy()
        return probs

    def margin(self, x):
        """Returns `u_m = p_1 - p_2` of each sample, in [0, 1]; low is hard."""
        return margin(self.probabilities(x)).numpy()

    def reward(self, x):
        """Returns the reward r (eq. 9) of each sample, `(n,)`."""
        return self._reward_of(tf.constant(self.probabilities(x))).numpy()

    def _reward_of(self, probs):
        return uncertainty_reward(probs, self.alpha, self.eps, self.entropy)

    def _probability_function(self):
        # Held outside Keras's attribute tracking: it is no state.
        function = self.__dict__.get("_compiled_probabilities")
        if function is None:
            signature = tf.TensorSpec((None, *self.spec.shape), self.spec.dtype)
            function = tf.function(
                lambda x: self.reward_classifier(x, training=False),
                input_signature=[signature],
                autograph=False,
            )
            self.__dict__["_compiled_probabilities"] = function
        return function

    @property
    def _estimator_layers(self):
        return [
            layer
            for layer in self.reward_classifier.layers
            if isinstance(layer, EstimatorProbabilities)
        ]

    def features(self, x):
        """Returns the features on which the classifier works, `(n, num_features)`."""
        network = self.__dict__.get("_features_network")
        if network is None:
            classifier = self.reward_classifier
            network = keras.Model(classifier.input, classifier.layers[-1].input)
            self.__dict__["_features_network"] = network
        x = np.asarray(x)
        self.spec.check_compatible(x)
        x = x.astype(self.spec.dtype, copy=False)
        return network.predict(x, batch_size=64, verbose=0)

    def set_estimator(self, estimator):
        """Gives a loaded model its fitted scikit-learn estimator again.

        Args:
            estimator: Fitted on `model.features(x)`, with `predict_proba`.

        Raises:
            ValueError: If the rewards come from an SVM, which the file holds.
        """
        layers = self._estimator_layers
        if not layers:
            raise ValueError(
                "This model's rewards come from a classifier that is part of it. "
                "`set_estimator` is for models built with a scikit-learn estimator "
                "as `svm`."
            )
        for layer in layers:
            layer.estimator = estimator

    # Hard samples alone.

    def sample(
        self,
        labels,
        seed=None,
        batch_size=512,
        verbose="auto",
        max_margin=None,
        max_draws=50,
    ):
        """Generates one sample for each label; of large margins only if asked.

        Args:
            labels: Integers `(n,)`.
            seed, batch_size, verbose: As in `OversamplingModel.sample`.
            max_margin: Float in [0, 1]: only samples with `u_m <= max_margin` are
                taken (AC-GAN+F). Default: that of the model; 1 takes all.
            max_draws: Integer, samples generated at most for each one wanted. Where
                a class still has too few, those of the smallest margins complete
                it, with a warning.

        Returns:
            Array `(n, *sample_shape)`. After a filtered draw, `model.acceptance`
            tells the share of samples taken and the shortfall, by label.

        Raises:
            ValueError: If a label is not one that the model can generate, or an
                option is out of range.
        """
        limit = self.max_margin if max_margin is None else max_margin
        if limit is None or limit >= 1.0:
            return super().sample(labels, seed, batch_size, verbose)
        check_margin(limit)
        if max_draws < 1:
            raise ValueError(
                f"`max_draws` must be at least 1. Received: max_draws={max_draws}."
            )
        labels = self._check_sampled_labels(labels)
        seed = fresh_seed() if seed is None else int(seed)
        draw = super().sample
        pools = {
            int(k): _Pool(int(n), limit, max_draws)
            for k, n in zip(*np.unique(labels, return_counts=True), strict=True)
        }
        number = 0
        while any(pool.wants for pool in pools.values()):
            round_labels = np.repeat(
                np.array(list(pools), "int32"), [p.wants for p in pools.values()]
            )
            x = draw(round_labels, derive_seed(seed, "hard", number), batch_size, 0)
            margins = self.margin(x)
            for label, pool in pools.items():
                mine = round_labels == label
                pool.add(x[mine], margins[mine])
            number += 1
        dtype = tf.as_dtype(self.sample_dtype).as_numpy_dtype
        samples = np.empty((len(labels), *self.sample_shape), dtype)
        for label, pool in pools.items():
            samples[labels == label] = pool.best()
        self.__dict__["acceptance"] = {
            "accepted": {k: pool.accepted / pool.drawn for k, pool in pools.items()},
            "short": {k: pool.short for k, pool in pools.items() if pool.short},
        }
        self._warn_of_shortfall(limit, max_draws)
        return samples

    acceptance = None

    def _warn_of_shortfall(self, limit, max_draws):
        short = self.acceptance["short"]
        if short:
            warnings.warn(
                f"Too few samples have a margin of at most {limit}: {short} by label "
                f"are missing after {max_draws} draws for each one wanted. Samples of "
                "the smallest margins above it complete the classes. Raise "
                "`max_margin`, or train with a larger `lam`.",
                stacklevel=3,
            )


class _Pool:
    """Samples of one class: those under the limit as drawn, then the nearest."""

    def __init__(self, wanted, limit, max_draws):
        self.wanted, self.limit = wanted, limit
        self.budget = wanted * max_draws
        self.drawn = self.accepted = 0
        self.samples = self.margins = None

    @property
    def short(self):
        return max(0, self.wanted - self.accepted)

    @property
    def wants(self):
        """Samples of the next round: more where few are taken, none when done."""
        if not self.short:
            return 0
        share = (self.accepted + 1) / (self.drawn + 2)
        most = min(4 * self.wanted, self.budget - self.drawn)
        return max(0, min(int(np.ceil(self.short / share)), most))

    def add(self, samples, margins):
        self.drawn += len(samples)
        self.accepted += int(np.sum(margins <= self.limit))
        if self.samples is not None:
            samples = np.concatenate([self.samples, samples])
            margins = np.concatenate([self.margins, margins])
        # Whatever is under the limit counts alike, the first drawn come first.
        order = np.argsort(np.maximum(margins, self.limit), kind="stable")
        order = order[: self.wanted]
        self.samples, self.margins = samples[order], margins[order]

    def best(self):
        return self.samples


def check_margin(limit):
    if not 0.0 <= limit <= 1.0:
        raise ValueError(
            "`max_margin` must lie in [0, 1], as differences of probabilities do. "
            f"Received: max_margin={limit!r}."
        )

"""What `ActiveGAN.from_data` builds, and learns before any training of its own."""

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import keras
import numpy as np

from kerasos.data.arrays import rows_of_each_class
from kerasos.features import FeatureFn, feature_fn
from kerasos.methods.activegan import networks
from kerasos.methods.activegan.policy import GaussianPolicy
from kerasos.methods.activegan.reward import (
    EstimatorProbabilities,
    SupportVectorProbabilities,
)
from kerasos.methods.activegan.svm import (
    calibrated_svm,
    search_svm,
    support_arrays,
    svm_settings,
)
from kerasos.methods.conditional import column_scales
from kerasos.randomness.seeds import derive_seed

FEATURE_STEPS = 300  # a network trained on 500 images needs more than ten passes
MAX_POLICY_UNITS = 128
# Of the classifier of the rewards: the most that the paper has. The time of an SVM's
# search grows with their square; its support vectors are part of every step.
MAX_ROWS = 5_000
FEATURES = ("pixels", "pca", "cnn", "vgg16", "inception")
PRESETS = {
    "paper": {"lam": 0.1},
    "imbalanced": {"fake_labels": "deficit", "class_weight": "balanced"},
}
# The paper searches 2e-4 and 1e-3. InfoGAN's own rates, for its networks: with D's, G
# stays at grey noise for hundreds of steps, for each batch has its own normalisation.
# Where D sees moved images it does not, and at 1e-3 it made one image a class.
LEARNING_RATE = 2e-4
INFOGAN_RATE = 1e-3


class _Kind(NamedTuple):
    """What an option may be: a test, and in words."""

    fits: Callable
    words: str

    def __str__(self):
        return self.words


Network = Annotated[
    object,
    _Kind(
        lambda value: isinstance(value, FeatureFn | keras.Model),
        "a `kerasos.features.FeatureFn` or a Keras model",
    ),
]
Svm = Annotated[
    object,
    _Kind(
        lambda value: isinstance(value, dict) or hasattr(value, "fit"),
        "a dict of settings or a scikit-learn classifier",
    ),
]


def defaults(kind, preset, moved):
    """Returns what options stand for by the kind of networks and the preset.

    Args:
        kind: One of `networks.KINDS`.
        preset: One of `PRESETS`, or None.
        moved: Whether D sees moved images.

    Returns:
        `{name of an option: value}`, and the `model_range` of images, `{name: value}`.
    """
    rate = INFOGAN_RATE if kind == "infogan" and not moved else LEARNING_RATE
    options = {
        "latent_dim": networks.LATENT_DIM[kind],
        "prior": "normal" if kind == "acgan" else "uniform",
        "fake_labels": "uniform",
        "class_weight": None,
        "lr_g": rate,
        "lr_p": rate,
        **PRESETS.get(preset, {}),
    }
    ranges = {"acgan": (-1.0, 1.0), "infogan": (0.0, 1.0)}
    return options, {"model_range": ranges[kind]} if kind in ranges else {}


def reward_classifier(data, features=None, svm=None, class_weight=None):
    """Fits the classifier of the rewards to the labelled data.

    Of more than `MAX_ROWS` samples it takes as many of each class, drawn at random.

    Args:
        data: `kerasos.methods.base.Data`.
        features, svm, class_weight: As in `ActiveGAN.from_data`. A Keras model takes
            samples in the user's units and gives `(batch, num_features)`.

    Returns:
        A frozen `keras.Model` from samples in the user's units to probabilities.

    Raises:
        TypeError: If an estimator has no `predict_proba`.
    """
    from sklearn.base import clone

    x, y, spec, seed = data.x, data.y, data.spec, data.seed
    if len(x) > MAX_ROWS:
        most = MAX_ROWS // len(np.unique(y))
        chosen = rows_of_each_class(y, most, derive_seed(seed, "rewards"))
        x, y = x[chosen], y[chosen]
    if isinstance(features, keras.Model):
        network, scaled = features, True
        rows = features.predict(x, batch_size=64, verbose=0)
    else:
        features = labelled_features(features, spec, x, y, seed)
        network, scaled = features.network(), standardizes(features)
        rows = features(x)
    if hasattr(svm, "fit"):
        estimator = clone(svm).fit(rows, y)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                "`svm` must give class probabilities. Expected None, a dict of "
                "settings, or a scikit-learn estimator with `predict_proba`. Received: "
                f"{svm!r}. Wrap it in `CalibratedClassifierCV`."
            )
        head = EstimatorProbabilities(spec.num_classes, estimator)
    else:
        options = {"seed": seed, "class_weight": class_weight, "standardize": scaled}
        if svm is None:
            svm = svm_settings(search_svm(rows, y, **options))
        arrays = support_arrays(calibrated_svm(rows, y, svm, **options))
        head = SupportVectorProbabilities.of(arrays, spec.num_classes)
    network.trainable = False
    probabilities = head(network.output)
    return keras.Model(network.input, probabilities, name="reward_classifier")


def labelled_features(features, spec, x, y, seed, cache_dir=None):
    """Returns the `FeatureFn` that an option `features` stands for.

    Args:
        features: Name in `kerasos.features`, a `FeatureFn`, or None: "cnn" for
            images of 8 pixels a side and more, else "pixels".
        spec, x, y, seed: The labelled data.
        cache_dir: Folder that keeps what is learnt for "cnn", or None.
    """
    if isinstance(features, FeatureFn):
        return features
    if features is None:
        small = not spec.is_image or min(spec.shape[:2]) < 8
        features = "pixels" if small else "cnn"
    options = {}
    if features == "cnn":
        steps = max(1, len(x) // min(64, len(x)))
        options["epochs"] = max(10, math.ceil(FEATURE_STEPS / steps))
        options["cache_dir"] = cache_dir
    if features == "pca":
        options["num_components"] = min(50, len(x), spec.num_features)
    return feature_fn(features, spec, x, y, seed=seed, **options)


def standardizes(features):
    """Whether these features are scaled to variance 1; pixels of images are not."""
    return features.name != "pixels" or not features.spec.is_image


def policy_parts(data, policy, adaptive_std, latent_dim):
    """Returns the network that has the parameters theta, or the embedding of "buffer".

    Args:
        data: `kerasos.methods.base.Data`.
        policy, adaptive_std, latent_dim: As in `ActiveGAN.from_data`.
    """
    width, seed = data.spec.num_features, data.seed
    if policy == "buffer":
        return {"embedding": whitening(_policy_rows(data), latent_dim, seed)}
    units = (min(MAX_POLICY_UNITS, max(32, width)),) * 2
    if policy == "critic":
        network = networks.tanh_mlp(width, 1, seed, "critic", units)
    else:
        outputs = (latent_dim if policy == "latent" else width) * (1 + adaptive_std)
        network = networks.tanh_mlp(width, outputs, seed, "policy", units)
        network = GaussianPolicy(network, adaptive_std)
    return {"policy_network": network}


def _policy_rows(data):
    """Returns the samples as `PolicyTerm.rows` gives those of the model."""
    rows = np.asarray(data.x, "float64").reshape(len(data.x), -1)
    if not data.spec.is_image:
        mean, scale = column_scales(data).values()
        return (rows - mean) / scale
    low, high = data.spec.value_range
    return (rows - low) * (2.0 / (high - low)) - 1.0


def whitening(rows, width, seed):
    """Returns whitened principal components of `rows` as a frozen `keras.Model`."""
    from sklearn.decomposition import PCA

    width = min(width, *rows.shape)
    pca = PCA(width, random_state=derive_seed(seed, "embedding")).fit(rows)
    spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-6))
    kernel = pca.components_.T / spread
    inputs = keras.Input((rows.shape[1],))
    project = keras.layers.Dense(width, dtype="float32", name="whitening")
    model = keras.Model(inputs, project(inputs), name="embedding")
    project.set_weights([kernel, -pca.mean_ @ kernel])
    model.trainable = False
    return model

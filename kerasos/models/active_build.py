"""What `ActiveGAN.from_data` builds, and learns before any training of its own."""

import math

import keras
import numpy as np

from kerasos.features import FeatureFn, feature_fn
from kerasos.layers.class_probabilities import (
    EstimatorProbabilities,
    SupportVectorProbabilities,
)
from kerasos.layers.gaussian_policy import GaussianPolicy
from kerasos.models.active_policy import POLICIES
from kerasos.models.conditional import latent_dim_of
from kerasos.networks import activegan as networks
from kerasos.seeds import derive_seed
from kerasos.suggest import check_choice
from kerasos.svm import calibrated_svm, search_svm, support_arrays, svm_settings

FEATURE_STEPS = 300  # a network trained on 500 images needs more than ten passes
MAX_POLICY_UNITS = 128
PRESETS = {
    "paper": {"lam": 0.1},
    "imbalanced": {"fake_labels": "deficit", "class_weight": "balanced"},
}
# The paper searches 2e-4 and 1e-3. InfoGAN's own rates, for its networks: with D's, G
# stays at grey noise for hundreds of steps, for each batch has its own normalisation.
# Where D sees moved images it does not, and at 1e-3 it made one image a class.
LEARNING_RATES = {"infogan": {"lr_g": 1e-3, "lr_p": 1e-3}}


def network_parts(spec, seed, options):
    """Returns the networks of G and D and the settings that go with them.

    Args:
        spec: `kerasos.data.DataSpec`.
        seed: Integer seed of the weights.
        options: Those of `from_data`. Those of networks are taken out, and what the
            preset and the networks stand for is put in.
    """
    preset = options.pop("preset", None)
    if preset is not None:
        check_choice("preset", preset, PRESETS)
        for name, value in PRESETS[preset].items():
            options.setdefault(name, value)
    kind = options.pop("networks", None) or networks.kind_of(spec.shape)
    check_choice("networks", kind, networks.KINDS)
    if not options.get("d_shift"):
        for name, rate in LEARNING_RATES.get(kind, {}).items():
            options.setdefault(name, rate)
    latent_dim = latent_dim_of(options, networks.LATENT_DIM[kind])
    parts = networks.networks(kind, spec.shape, latent_dim, spec.num_classes, seed)
    settings = {
        "model_range": (-1.0, 1.0) if kind == "acgan" else (0.0, 1.0),
        "prior": options.pop("prior", "normal" if kind == "acgan" else "uniform"),
    }
    if kind == "dense":
        del settings["model_range"]
    return parts, settings


def learnt_parts(x, y, spec, seed, parts, settings, options):
    """Returns the classifier of the rewards and what theta needs.

    Args:
        x, y, spec, seed: The labelled data.
        parts, settings: Of `network_parts`.
        options: Those of `from_data`; those of the classifier and of theta's network
            are taken out.
    """
    features = options.pop("features", None)
    svm, class_weight = options.pop("svm", None), options.pop("class_weight", None)
    adaptive = options.pop("adaptive_std", False)
    policy = options.get("policy", "latent")
    check_choice("policy", policy, POLICIES)
    if not isinstance(features, keras.Model):
        features = labelled_features(features, spec, x, y, seed)
    classifier = reward_classifier(features, x, y, svm, seed, class_weight)
    learnt = {"reward_classifier": classifier}
    if options.get("lam") == 0:
        return learnt
    latent_dim = parts["generator"].input_shape[0][-1]
    if policy == "buffer":
        rows = policy_rows(x, spec, settings)
        learnt["embedding"] = whitening(rows, latent_dim, seed)
    else:
        learnt["policy_network"] = policy_network(
            policy, adaptive, spec.num_features, latent_dim, seed
        )
    return learnt


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


def reward_classifier(features, x, y, svm, seed, class_weight=None):
    """Fits the classifier of the rewards; see the option `svm` of `ActiveGAN`.

    Args:
        features: `FeatureFn`, or a Keras model from samples in the user's units to
            `(batch, num_features)`.
        x, y: Labelled samples.
        svm: None for a grid search, a dict of settings, or an estimator.
        seed: Integer; it decides the folds.
        class_weight: None or "balanced".

    Returns:
        A frozen `keras.Model` from samples in the user's units to probabilities.
    """
    num_classes = int(np.max(y)) + 1
    if isinstance(features, keras.Model):
        network, scaled = features, True
        rows = features.predict(x, batch_size=64, verbose=0)
    else:
        network, scaled = features.network(), standardizes(features)
        rows = features(x)
    if hasattr(svm, "predict_proba") or hasattr(svm, "fit"):
        head = EstimatorProbabilities(num_classes, fitted_estimator(svm, rows, y))
    else:
        options = {"seed": seed, "class_weight": class_weight, "standardize": scaled}
        if svm is None:
            svm = svm_settings(search_svm(rows, y, **options))
        calibrated = calibrated_svm(rows, y, svm, **options)
        head = SupportVectorProbabilities.of(support_arrays(calibrated), num_classes)
    network.trainable = False
    probabilities = head(network.output)
    return keras.Model(network.input, probabilities, name="reward_classifier")


def fitted_estimator(estimator, features, y):
    """Returns a copy of a scikit-learn classifier, fitted, that gives probabilities.

    Raises:
        TypeError: If it has no `predict_proba`.
    """
    from sklearn.base import clone

    fitted = clone(estimator).fit(features, y)
    if not hasattr(fitted, "predict_proba"):
        raise TypeError(
            "`svm` must give class probabilities. Expected None, a dict of settings, "
            "or a scikit-learn estimator with `predict_proba`. Received: "
            f"{estimator!r}. Wrap it in `CalibratedClassifierCV`."
        )
    return fitted


def policy_network(policy, adaptive_std, num_features, latent_dim, seed):
    """Returns the network that has parameters theta, or None."""
    if policy == "buffer":
        return None
    units = (min(MAX_POLICY_UNITS, max(32, num_features)),) * 2
    if policy == "critic":
        return networks.tanh_mlp(num_features, 1, seed, "critic", units)
    width = latent_dim if policy == "latent" else num_features
    outputs = 2 * width if adaptive_std else width
    return GaussianPolicy(
        networks.tanh_mlp(num_features, outputs, seed, "policy", units), adaptive_std
    )


def policy_rows(x, spec, settings):
    """Returns samples as the policies see them; see `PolicyTerm.policy_rows`."""
    rows = np.asarray(x, "float64").reshape(len(x), -1)
    if "column_mean" in settings:
        return (rows - settings["column_mean"]) / settings["column_scale"]
    low, high = spec.value_range
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

"""Whether over-sampling the features of a trained network gives a better last layer.

    python benchmarks/latent_heads.py --data_dir DIR --output latent_heads.csv

`strong_cnn` with augmentation trains on MNIST and Fashion-MNIST at imbalance 100 (the
class counts of Mullick et al.), in one of these ways:

- plain: cross-entropy;
- copies: cross-entropy, classes balanced by copies of images;
- balanced_softmax: that loss; logit adjustment with tau = 1 is the same loss.

Then `kerasos.FeatureClassifier` puts a new last layer on its 128 features, trained on
features that a method of kerasos has balanced. "own" is the network's own last layer,
"adjusted" that of a plain one with the logs of the class shares taken from its logits.
"400 anchors": classes with fewer images get moved copies of them first.

Scores are balanced accuracies on the whole test set. `--output` names a CSV file: what
is in it is not done again, and the trained networks are kept beside it.
"""

import pathlib
import time

import keras
import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads
from sklearn.metrics import balanced_accuracy_score

import kerasos
from kerasos.evaluation import augmented, strong_cnn
from kerasos.losses import BalancedSoftmax, adjust_probabilities

_SETS = flags.DEFINE_list("sets", "mnist,fashion_mnist", "Sets of images.")
_SEEDS = flags.DEFINE_list("seeds", "0,1", "Of the drawn images and the networks.")
_STEPS = flags.DEFINE_integer("steps", 3000, "Batches of 32 images.", 1)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TFDS.")
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_OUTPUT = flags.DEFINE_string(
    "output", None, "CSV file for the figures.", required=True
)
COUNTS = "gamo"
BATCH = 32
TRAININGS = ("plain", "copies", "balanced_softmax")
MORE = {"min_anchors": 400}
HEADS = {
    "nothing": ("none", {}),
    "copies": ("random", {}),
    "smote": ("smote", {}),
    "convex": ("convex", {}),
    "convex, even weights": ("convex", {"concentration": 1.0}),
    "copies, 400 anchors": ("random", MORE),
    "smote, 400 anchors": ("smote", MORE),
    "convex, 400 anchors": ("convex", MORE),
}
KEY = ["set", "training", "head", "steps", "seed"]


def trained(x, y, training, steps, seed, path):
    """Returns the classifier, trained here or read from `path`."""
    network = strong_cnn(kerasos.data.DataSpec.of(x, y), seed)
    if path.is_file():
        network.load_weights(path)
        return network
    model = augmented(network, seed, flip=False)
    if training == "balanced_softmax":
        loss = BalancedSoftmax(np.bincount(y), from_logits=False)
        model.compile(keras.optimizers.Adam(1e-3), loss)
    balanced = "copies" if training == "copies" else False
    data = kerasos.data.batches(x, y, BATCH, balanced, seed=seed, steps_per_epoch=steps)
    model.fit(data, epochs=1, shuffle=False, verbose=0)
    network.save_weights(path)  # `augmented` shares them
    return network


def scored(network, training, data, test, seed, folder):
    """Yields `(head, balanced accuracy, rows it learned from, seconds)`."""
    (x, y), (x_test, y_test) = data, test

    def score(probabilities):
        return balanced_accuracy_score(y_test, probabilities.argmax(axis=1))

    features = network.get_layer("features")
    raw = features(network.layers[1].output)  # after the scaling
    backbone = keras.Model(network.input, raw, name="strong_cnn_features")
    held_out = backbone.predict(x_test, batch_size=1024, verbose=0)
    own = network.predict(x_test, batch_size=1024, verbose=0)
    yield "own", score(own), len(x), 0.0
    if training == "plain":  # the others have learned for equal classes
        adjusted = adjust_probabilities(own, np.bincount(y))
        yield "adjusted", score(adjusted), len(x), 0.0
    for head, (method, options) in HEADS.items():
        start = time.process_time()
        options = dict(options)
        estimator = kerasos.FeatureClassifier(
            backbone,
            method,
            min_anchors=options.pop("min_anchors", 0),
            method_params=options,
            batch_size=256,
            random_state=seed,
            cache_dir=folder,
        ).fit(x, y)
        found = estimator.head_.predict(held_out, batch_size=1024, verbose=0)
        learned = sum(estimator.balanced_counts_.values())
        yield head, score(found), learned, time.process_time() - start


def known(path):
    """Returns the rows of earlier runs."""
    if path.is_file():
        return pd.read_csv(path)
    return pd.DataFrame(columns=KEY)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    path, steps = pathlib.Path(_OUTPUT.value), _STEPS.value
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for seed in map(int, _SEEDS.value):
        for name in _SETS.value:
            data, test = kerasos.data.load(
                name, class_counts=COUNTS, seed=seed, data_dir=_DATA_DIR.value
            )
            for training in TRAININGS:
                run = {"set": name, "training": training, "steps": steps, "seed": seed}
                rows = known(path)
                if (rows[[*run]] == [*run.values()]).all(axis=1).any():
                    continue
                kept = folder / f"{name}_{training}_{steps}_{seed}.weights.h5"
                network = trained(*data, training, steps, seed, kept)
                found = []
                for head, score, learned, seconds in scored(
                    network, training, data, test, seed, folder / "features"
                ):
                    print(name, training, seed, head, f"{score:.4f}", flush=True)
                    values = {"head": head, "balanced_accuracy": round(score, 4)}
                    values |= {"rows": learned, "seconds": round(seconds, 1)}
                    found.append(
                        run | values | {"versions": provenance(_THREADS.value)}
                    )
                # A network's rows together: what is in the file is whole.
                pd.DataFrame([*rows.to_dict("records"), *found]).to_csv(
                    path, index=False
                )


if __name__ == "__main__":
    app.run(main)

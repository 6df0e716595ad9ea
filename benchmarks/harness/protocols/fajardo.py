"""Fajardo et al. On oversampling imbalanced data with deep conditional generative
models, Expert Systems with Applications 169, 2021.
"""

import dataclasses

from harness.protocols.base import FLOW, Method, Protocol


def _trained(name, oversampler, epochs, **options):
    training = {"epochs": epochs, "batch_size": 64}
    return Method(name, oversampler, options, training)


def _in_stages(name, oversampler, batch_size, **epochs):
    training = {"stages": tuple(epochs), "batch_size": batch_size}
    return Method(name, oversampler, epochs, training)


FAJARDO_METHODS = (
    Method("Imbalanced", "none"),
    Method("SMOTE", "smote"),
    Method("RANDOM", "random"),
    _trained("ACGAN", "acgan", 60),
    _in_stages("BAGAN", "bagan", 128, ae_epochs=30, gan_epochs=30),
    _trained("CGAN", "cgan", 30),
    _trained("CVAE", "cvae", 300),
    _trained("R-ACGAN", "acgan", 60, pre_oversample=True),
    _trained("R-CGAN", "cgan", 60, pre_oversample=True),
    _trained("R-CVAE", "cvae", 125, pre_oversample=True),
)


def _with_weight(names, found, **options):
    """Rows of the paper with another weight of the synthetic samples."""
    return tuple(
        dataclasses.replace(
            method,
            name=f"{method.name} with weight {found} (ours)",
            classifier=options,
            trained_as=method.name if method.training else "",
        )
        for method in FAJARDO_METHODS
        if method.name in names
    )


# The search scores on images that the generator has seen, few of them of a small class
# and many of the others, and often takes 1: these rows have the grid's other end.
WEIGHTED = _with_weight(("SMOTE", "RANDOM", "CVAE", "R-CVAE"), "50", weight=50.0)
# As the paper's rows, but for the folds of the search: each with images of its own, and
# with classes that count alike in the score, as they do on the test set.
UNSEEN = _with_weight(("SMOTE", "RANDOM"), "of unseen folds", unseen_folds=True)
UNSEEN += _with_weight(
    ("SMOTE", "RANDOM"),
    "of balanced unseen folds",
    unseen_folds=True,
    balanced_folds=True,
)


def _latent_methods(minority):
    """Methods that the paper names as next steps, or that came later.

    With the optimizer steps of CVAE, in the batches of each method's code. DeepSMOTE
    has its own networks; cWAE those of CVAE, so that the two differ in their loss.
    """
    rows = 3_200 * (10 - len(minority)) + 10 * len(minority)
    steps = {"steps": 300 * (rows // 64), "batch_size": 100}
    narrow = "DeepSMOTE of a quarter of the width (ours)"
    stages = {"vae_epochs": 100, "latent_epochs": 200}
    return (
        Method("DeepSMOTE (ours)", "deepsmote", training=steps),
        # A step of the former is 190 billion operations, two seconds of a thread.
        Method(narrow, "deepsmote", {"filters": 16}, steps),
        _in_stages("two-stage CVAE (ours)", "two_stage_cvae", 64, **stages),
        Method("cWAE (ours)", "cwae", {"networks": "cvae"}, steps),
    )


# (data set, rho): (table of FID, table of recall, precision and F1)
FAJARDO_TABLES = {
    ("MNIST", 320): ("1", "5"),
    ("MNIST", 80): ("2", "6"),
    ("Fashion-MNIST", 320): ("3", "7"),
    ("Fashion-MNIST", 80): ("4", "8"),
}


def _fajardo(dataset, rho, minority):
    fid_table, score_table = FAJARDO_TABLES[dataset, rho]
    setting = f"m={' '.join(map(str, minority))};rho={rho}"
    outputs = {
        f"{group}/{metric}": (score_table, setting, f"{group}_{metric}")
        for group in ("min", "maj", "all")
        for metric in ("precision", "recall", "F1")
    }
    # Features of another network than the published ones: another metric.
    outputs.update(
        {f"fid/{k}": (fid_table, setting, f"FID_cnn_class{k}") for k in minority}
    )
    outputs["balance_seconds"] = ("9", setting, "seconds")
    outputs["weight"] = (score_table, setting, "synthetic_weight")
    methods = FAJARDO_METHODS + WEIGHTED + UNSEEN
    if rho == 320:
        methods += (FLOW,)
    if (dataset, rho) == ("MNIST", 320):
        methods += _latent_methods(minority)
    return Protocol(
        paper="FAJARDO2021",
        dataset=dataset,
        setting=setting,
        class_counts=f"fajardo-{rho}-{''.join(map(str, minority))}",
        recipe="fajardo",
        parameters={
            "minority": list(minority),
            "classifiers": 3,
            "epochs": 20,
            "batch_size": 128,
            "features": "cnn",
        },
        methods=methods,
        outputs=outputs,
        repeats=5,
    )


FAJARDO = [
    _fajardo(dataset, rho, minority)
    for dataset, rho in FAJARDO_TABLES
    for minority in ((0, 1, 2, 3, 4, 5, 9), (1, 2, 3, 4, 5), (3, 4, 5))
]

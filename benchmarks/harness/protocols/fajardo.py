"""Fajardo et al. On oversampling imbalanced data with deep conditional generative
models, Expert Systems with Applications 169, 2021.
"""

import dataclasses

from harness.protocols.base import Method, Protocol

FAJARDO_METHODS = (
    Method("Imbalanced", "none"),
    Method("SMOTE", "smote"),
    Method("RANDOM", "random"),
    Method("ACGAN", "acgan", training={"epochs": 60, "batch_size": 64}),
    Method(
        "BAGAN",
        "bagan",
        {"ae_epochs": 30, "gan_epochs": 30},
        {"stages": ("ae_epochs", "gan_epochs"), "batch_size": 128},
    ),
    Method("CGAN", "cgan", training={"epochs": 30, "batch_size": 64}),
    Method("CVAE", "cvae", training={"epochs": 300, "batch_size": 64}),
    Method(
        "R-ACGAN",
        "acgan",
        {"pre_oversample": True},
        {"epochs": 60, "batch_size": 64},
    ),
    Method(
        "R-CGAN", "cgan", {"pre_oversample": True}, {"epochs": 60, "batch_size": 64}
    ),
    Method(
        "R-CVAE", "cvae", {"pre_oversample": True}, {"epochs": 125, "batch_size": 64}
    ),
)

# The search scores on images that the generator has seen, few of them of a small class
# and many of the others, and often takes 1: these rows have the grid's other end.
WEIGHTED = tuple(
    dataclasses.replace(
        method,
        name=f"{method.name} with weight 50 (ours)",
        classifier={"weight": 50.0},
        trained_as=method.name if method.training else "",
    )
    for method in FAJARDO_METHODS
    if method.name in ("SMOTE", "RANDOM", "CVAE", "R-CVAE")
)

# As the paper's rows, but for the folds of the search: each with images of its own, and
# with classes that count alike in the score, as they do on the test set.
UNSEEN = tuple(
    dataclasses.replace(
        method,
        name=f"{method.name} with weight of {folds} (ours)",
        classifier=options,
    )
    for folds, options in (
        ("unseen folds", {"unseen_folds": True}),
        ("balanced unseen folds", {"unseen_folds": True, "balanced_folds": True}),
    )
    for method in FAJARDO_METHODS
    if method.name in ("SMOTE", "RANDOM")
)


def _latent_methods(minority):
    """Methods that the paper names as next steps, or that came later.

    With the optimizer steps of CVAE, in the batches of each method's code. DeepSMOTE
    has its own networks; cWAE those of CVAE, so that the two differ in their loss.
    """
    rows = 3_200 * (10 - len(minority)) + 10 * len(minority)
    steps = {"steps": 300 * (rows // 64), "batch_size": 100}
    return (
        Method("DeepSMOTE (ours)", "deepsmote", training=steps),
        # A step of the former is 190 billion operations, two seconds of a thread.
        Method(
            "DeepSMOTE of a quarter of the width (ours)",
            "deepsmote",
            {"filters": 16},
            steps,
        ),
        Method(
            "two-stage CVAE (ours)",
            "two_stage_cvae",
            {"vae_epochs": 100, "latent_epochs": 200},
            {"stages": ("vae_epochs", "latent_epochs"), "batch_size": 64},
        ),
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
    if (dataset, rho) == ("MNIST", 320):
        methods += _latent_methods(minority)
    return Protocol(
        paper="FAJARDO2021",
        tables=(fid_table, score_table, "9"),
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

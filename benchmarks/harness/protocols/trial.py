"""Small cells on data that need no download, to try the harness: no paper's."""

import dataclasses

from harness.protocols.activegan import trained
from harness.protocols.base import Method, Protocol
from harness.protocols.generators import GENERATOR_OUTPUTS

GAMO2PIX = Method(
    "GAMO2pix",
    "gamo2pix",
    {
        "gamo_rounds": 1,
        "decoder_batch": 4,
        "shared": True,
        "generator": "copies",
        "discriminator": False,
    },
    {"steps": 20, "batch_size": 32, "stages": ("gamo_rounds",)},
)


def _trial(table, recipe, parameters, methods, outputs):
    return Protocol(
        paper="trial",
        tables=(table,),
        dataset="Digits",
        setting="IR=20",
        class_counts=20,
        recipe=recipe,
        parameters=parameters,
        methods=methods,
        outputs={k: (table, "IR=20", metric) for k, metric in outputs.items()},
        repeats=2,
    )


TRIAL = [
    _trial(
        "gamo",
        "gamo",
        {
            "variant": "dense",
            "loss": "ls",
            "steps": 120,
            "batch_size": 32,
            "evaluate_every": 20,
            "test_per_class": 30,
        },
        (
            Method("Baseline CN", "none"),
            Method("SMOTE+CN", "smote"),
            Method("DOS", "dos"),
            Method(
                "Random copies in each batch (ours)", "gamo", {"generator": "copies"}
            ),
            Method(
                "CNN (ours)",
                "random",
                classifier={"network": "cnn", "augmentation": True},
            ),
        ),
        {
            "draw/acsa": "ACSA",
            "draw/g_mean": "GM",
            "full/acsa": "ACSA_full",
            "full/g_mean": "GM_full",
        },
    ),
    _trial(
        "fajardo",
        "fajardo",
        {
            "minority": [7, 8, 9],
            "classifiers": 2,
            "epochs": 1,
            "batch_size": 64,
            "features": "cnn",
        },
        (
            Method("Imbalanced", "none"),
            Method("SMOTE", "smote"),
            Method("SMOTE with weight 5", "smote", classifier={"weight": 5.0}),
            Method("SMOTE of unseen folds", "smote", classifier={"unseen_folds": True}),
            Method(
                "SMOTE of balanced folds", "smote", classifier={"balanced_folds": True}
            ),
        ),
        {
            "min/F1": "min_F1",
            "all/F1": "all_F1",
            "fid/9": "FID_cnn_class9",
            "weight": "synthetic_weight",
            "balance_seconds": "seconds",
        },
    ),
    _trial(
        "imsic",
        "imsic",
        {"epochs": 1, "batch_size": 64},
        (
            Method("SMOTE", "smote"),
            Method("IMSIC", "imsic", {"num_codes": 2}, {"steps": 5, "batch_size": 32}),
        ),
        {
            "recall/9": "recall",
            "f1/9": "F1",
            "agreement/9": "agreement",
            "spread/9": "spread",
        },
    ),
    _trial(
        "class_fid",
        "class_fid",
        {"features": "cnn"},
        (
            Method("CVAE", "cvae", training={"steps": 20, "batch_size": 32}),
            GAMO2PIX,
            dataclasses.replace(
                GAMO2PIX,
                name="GAMO2pix of real points",
                classifier={"real_points": True},
                trained_as="GAMO2pix",
            ),
        ),
        {"fid": "FID_cnn"},
    ),
    _trial(
        "generator",
        "generator",
        {"features": "cnn", "samples_per_class": 20},
        (Method("CVAE", "cvae", training={"steps": 20, "batch_size": 32}),),
        GENERATOR_OUTPUTS,
    ),
    _trial(
        "dgc",
        "dgc",
        {},
        (
            Method(
                "DGC",
                "dgc",
                {"width": 8, "draws": 2, "lr": 1e-3},
                {"epochs": 1, "batch_size": 50},
            ),
        ),
        {"acsa": "ACSA", "rmi": "RMI", "pma": "PMA"},
    ),
    _trial(
        "activegan",
        "activegan",
        {"labelled": 150, "features": "pixels", "sizes": [0.5, 1]},
        (
            Method("SVM", "none"),
            trained("ActiveGAN", 40, 32, policy_steps=10, buffer_size=200),
            trained(
                "ActiveGAN+F",
                40,
                32,
                trained_as="ActiveGAN",
                policy_steps=10,
                buffer_size=200,
                max_margin=0.6,
            ),
        ),
        {
            "f_score": "F_score_pct",
            "f_score/0.5": "F_score_pct_with_0.5n",
            "reward": "reward_of_generated",
            "acceptance": "acceptance_of_generated",
            "agreement": "agreement_of_generated",
        },
    ),
]

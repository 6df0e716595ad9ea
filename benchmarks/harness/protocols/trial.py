"""Small cells on data that need no download, to try the harness: no paper's."""

import dataclasses

from harness.protocols.activegan import ACTIVE, trained
from harness.protocols.base import Method
from harness.protocols.dgc import DGC
from harness.protocols.fajardo import FAJARDO
from harness.protocols.gamo import GAMO
from harness.protocols.generators import OURS
from harness.protocols.imsic import IMSIC

SHORT = {"steps": 20, "batch_size": 32}
CVAE = Method("CVAE", "cvae", training=SHORT)
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
    {**SHORT, "stages": ("gamo_rounds",)},
)
POLICY = {"policy_steps": 10, "buffer_size": 200}


def _smote(name="SMOTE", **classifier):
    return Method(name, "smote", classifier=classifier)


def _trial(protocol, methods, outputs=None, **parameters):
    """A protocol of a paper, on digits, for a table of the recipe's name."""
    if outputs is None:
        outputs = {score: metric for score, (*_, metric) in protocol.outputs.items()}
    return dataclasses.replace(
        protocol,
        paper="trial",
        dataset="Digits",
        setting="IR=20",
        class_counts=20,
        parameters={**protocol.parameters, **parameters},
        methods=methods,
        outputs={k: (protocol.recipe, "IR=20", name) for k, name in outputs.items()},
        repeats=2,
    )


TRIAL = [
    _trial(
        GAMO[0],
        (
            Method("Baseline CN", "none"),
            _smote("SMOTE+CN"),
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
        steps=120,
        evaluate_every=20,
        test_per_class=30,
    ),
    _trial(
        FAJARDO[2],
        (
            Method("Imbalanced", "none"),
            _smote(),
            _smote("SMOTE with weight 5", weight=5.0),
            _smote("SMOTE of unseen folds", unseen_folds=True),
            _smote("SMOTE of balanced folds", balanced_folds=True),
        ),
        classifiers=2,
        epochs=1,
        batch_size=64,
    ),
    _trial(
        IMSIC[0],
        (
            _smote(),
            Method("IMSIC", "imsic", {"num_codes": 2}, {**SHORT, "steps": 5}),
        ),
        {f"{m.lower()}/9": m for m in ("recall", "F1", "agreement", "spread")},
        epochs=1,
    ),
    _trial(
        next(protocol for protocol in GAMO if protocol.recipe == "class_fid"),
        (
            CVAE,
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
    _trial(OURS[0], (CVAE,), samples_per_class=20),
    _trial(
        DGC[0],
        (
            Method(
                "DGC",
                "dgc",
                {"width": 8, "draws": 2, "lr": 1e-3},
                {"epochs": 1, "batch_size": 50},
            ),
        ),
    ),
    _trial(
        ACTIVE[0],
        (
            Method("SVM", "none"),
            trained("ActiveGAN", 40, 32, **POLICY),
            trained("ActiveGAN+F", 40, 32, "ActiveGAN", max_margin=0.6, **POLICY),
        ),
        labelled=150,
        features="pixels",
        sizes=[0.5, 1],
    ),
]

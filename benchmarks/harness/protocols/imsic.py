"""He, Lin, Yuan, Tzeng. Interpretable Minority Synthesis for Imbalanced
Classification (IMSIC), IJCAI 2021.
"""

from harness.protocols.base import Method, Protocol
from harness.protocols.dgc import DGC_TRAINING

IMSIC_TRAINING = {"epochs": 500, "batch_size": 64}


def _coded(name, codes, trained_as="", added=0, **options):
    """A row of the method that its name begins with."""
    options = {"num_codes": codes, **options}
    method = name.split()[0].lower()
    return Method(
        name, method, options, IMSIC_TRAINING, trained_as=trained_as, added=added
    )


def _parts(codes):
    """IMSIC and InfoGAN without one of their parts: what each part earns.

    And with as many images as the authors' code adds, where the paper balances, and
    with noise as wide as in training, where their code has half of it.
    """
    same = [
        _coded(f"{name} with {words} (ours)", codes, name, **options)
        for name in ("InfoGAN", "IMSIC")
        for words, options in (
            ("100 added images a class", {"added": 100}),
            ("the noise of training", {"z_std": 1.0}),
        )
    ]
    others = {
        "IMSIC on one_to_one": {"graph": "one_to_one"},
        "IMSIC with batches as the data are": {"real_sampling": "natural"},
        "InfoGAN with batches as the data are": {"real_sampling": "natural"},
        "InfoGAN without a code term": {"lambda_con": 0.0},
        # What helps the AC-GAN of ActiveGAN's tables with few labelled images.
        "IMSIC with moved images": {"d_augment": ["translation"]},
    }
    return same + [_coded(f"{k} (ours)", codes, **v) for k, v in others.items()]


def _dgc(name, **options):
    return Method(name, "dgc", options, DGC_TRAINING)


NARROW = "DGC of an eighth of the width"
IMSIC = [
    Protocol(
        paper="IMSIC2021",
        dataset=dataset,
        setting="IR=67,100",
        class_counts="gamo",
        recipe="imsic",
        parameters={"epochs": epochs, "batch_size": 64},
        methods=(
            Method("SMOTE", "smote"),
            _coded("InfoGAN", codes),
            _dgc("DGC"),
            _coded("IMSIC", codes),
            *_parts(codes),
            # Small enough to train and to predict with on two cores; the published
            # rate is that of the published width.
            _dgc(f"{NARROW} (ours)", width=128),
            _dgc(f"{NARROW} and ten times the rate (ours)", width=128, lr=1e-4),
            Method("None (ours)", "none"),
            Method("SMOTE with 100 added images a class (ours)", "smote", added=100),
            Method("Random (ours)", "random"),
            Method(
                "Random+augmentation (ours)",
                "random",
                classifier={"augmentation": True},
            ),
        ),
        outputs={
            f"{metric.lower()}/{label}": ("1", setting, metric)
            for label, setting in settings.items()
            for metric in ("recall", "F1", "agreement", "spread")
        },
        repeats=10,
    )
    for dataset, epochs, codes, settings in (
        ("MNIST", 8, 4, {8: "class=8;IR=67", 9: "class=9;IR=100"}),
        (
            "Fashion-MNIST",
            25,
            3,
            {8: "class=Bag(8);IR=67", 9: "class=AnkleBoot(9);IR=100"},
        ),
    )
]

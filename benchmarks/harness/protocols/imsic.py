"""He, Lin, Yuan, Tzeng. Interpretable Minority Synthesis for Imbalanced
Classification (IMSIC), IJCAI 2021.
"""

from harness.protocols.base import Method, Protocol
from harness.protocols.dgc import DGC_TRAINING

IMSIC_TRAINING = {"epochs": 500, "batch_size": 64}


def _coded(name, oversampler, codes, trained_as="", added=0, **options):
    options = {"num_codes": codes, **options}
    return Method(
        name, oversampler, options, IMSIC_TRAINING, trained_as=trained_as, added=added
    )


def _parts(codes):
    """IMSIC and InfoGAN without one of their parts: what each part earns.

    And with as many images as the authors' code adds, where the paper balances, and
    with noise as wide as in training, where their code has half of it.
    """
    return (
        *(
            _coded(
                f"{name} with {words} (ours)",
                name.lower(),
                codes,
                trained_as=name,
                **options,
            )
            for name in ("InfoGAN", "IMSIC")
            for words, options in (
                ("100 added images a class", {"added": 100}),
                ("the noise of training", {"z_std": 1.0}),
            )
        ),
        _coded("IMSIC on one_to_one (ours)", "imsic", codes, graph="one_to_one"),
        _coded(
            "IMSIC with batches as the data are (ours)",
            "imsic",
            codes,
            real_sampling="natural",
        ),
        _coded(
            "InfoGAN with batches as the data are (ours)",
            "infogan",
            codes,
            real_sampling="natural",
        ),
        _coded("InfoGAN without a code term (ours)", "infogan", codes, lambda_con=0.0),
        # What helps the AC-GAN of ActiveGAN's tables with few labelled images.
        _coded("IMSIC with moved images (ours)", "imsic", codes, d_shift=0.125),
    )


IMSIC = [
    Protocol(
        paper="IMSIC2021",
        tables=("1",),
        dataset=dataset,
        setting="IR=67,100",
        class_counts="gamo",
        recipe="imsic",
        parameters={"epochs": epochs, "batch_size": 64},
        methods=(
            Method("SMOTE", "smote"),
            _coded("InfoGAN", "infogan", codes),
            Method("DGC", "dgc", training=DGC_TRAINING),
            _coded("IMSIC", "imsic", codes),
            *_parts(codes),
            # Small enough to train and to predict with on two cores.
            Method(
                "DGC of an eighth of the width (ours)",
                "dgc",
                {"width": 128},
                DGC_TRAINING,
            ),
            # The published rate is that of the published width.
            Method(
                "DGC of an eighth of the width and ten times the rate (ours)",
                "dgc",
                {"width": 128, "lr": 1e-4},
                DGC_TRAINING,
            ),
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
            f"{score}/{label}": ("1", setting, metric)
            for label, setting in settings.items()
            for score, metric in (
                ("recall", "recall"),
                ("f1", "F1"),
                ("agreement", "agreement"),
                ("spread", "spread"),
            )
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

"""Kong et al. Active generative adversarial network for image classification,
AAAI 2019.
"""

from harness.protocols.base import Method, Protocol

# By data set: steps, of which one is two updates of G (10,000 of them for grey images,
# 50,000 for colours); the margin that the paper found best for AC-GAN+F; and the sizes.
GREY, COLOUR = (5_000, 0.15), (25_000, 0.2)
ACTIVE_SETS = {
    "MNIST": (*GREY, (500, 1000)),
    "Fashion-MNIST": (*GREY, (5000, 10000)),
    "CIFAR10": (*COLOUR, (5000, 10000)),
    "Tiny-ImageNet": (*COLOUR, (10000, 20000)),
}
# The classifier is least sure of noise, so the term keeps a generator that still draws
# noise there: with a fifth of the steps, at a tenth of the budget, it stayed grey.
WARMUP = {"warmup": 0.8}
# D sees moved images.
MOVED = {"d_augment": ["translation"], "lr_d": 2e-4, "lr_g": 2e-4}
# The one policy that follows the slope of the reward; alone, and with a D whose classes
# do not drift.
CRITIC = {"policy": "critic", **WARMUP}
OURS = {
    "AC-GAN that learns classes from labelled images alone": {
        "lam": 0.0,
        "learn_fake_labels": False,
    },
    "AC-GAN with one learning rate": {"lam": 0.0, "lr_d": 2e-4, "lr_g": 2e-4},
    "ActiveGAN with a warm-up of a fifth": {"warmup": 0.2},
    # The term without the reward: what the spreading of samples does alone.
    "ActiveGAN with a constant reward": {"constant_reward": 1.0, **WARMUP},
    "AC-GAN with moved images": {"lam": 0.0, **MOVED},
    "AC-GAN with moved images at InfoGAN's rates": {"lam": 0.0, **MOVED, "lr_g": 1e-3},
    "ActiveGAN with moved images": {**WARMUP, **MOVED},
    "ActiveGAN with a critic": CRITIC,
    "ActiveGAN with a critic and classes from labelled images alone": {
        "learn_fake_labels": False,
        **CRITIC,
    },
}


def trained(name, steps, batch_size=100, trained_as="", **options):
    training = {"steps": steps, "least_epochs": 5, "batch_size": batch_size}
    return Method(name, "activegan", options, training, trained_as=trained_as)


def _active_methods(dataset):
    steps, margin, _ = ACTIVE_SETS[dataset]
    filtered = {"trained_as": "AC-GAN", "lam": 0.0, "max_margin": margin}
    ours = OURS if dataset == "MNIST" else {}
    # Others have no other size by default.
    size = {"size": "paper"} if dataset == "Tiny-ImageNet" else {}
    return (
        Method("SVM", "none"),
        trained("AC-GAN", steps, lam=0.0, **size),
        trained("AC-GAN+F", steps, **filtered, **size),
        trained("ActiveGAN", steps, **WARMUP, **size),
        *(trained(f"{name} (ours)", steps, **how) for name, how in ours.items()),
    )


def _active(table, dataset, setting, labelled, methods):
    sizes = (0.5, 1, 2) if labelled <= 1000 else (1,)
    # F-scores, and how hard the generated samples are.
    metrics = {"f_score": "F_score_pct", "svm_alone": "F_score_pct_of_SVM_alone"}
    for size in sizes:
        if size != 1:
            metrics[f"f_score/{size:g}"] = f"F_score_pct_with_{size:g}n"
    for name in ("reward", "margin", "uncertain", "acceptance", "agreement"):
        metrics[name] = f"{name}_of_generated"
    return Protocol(
        paper="ACTIVEGAN2019",
        dataset=dataset,
        setting=setting,
        class_counts=None,
        recipe="activegan",
        parameters={"labelled": labelled, "features": "cnn", "sizes": list(sizes)},
        methods=methods,
        outputs={score: (table, setting, name) for score, name in metrics.items()},
        repeats=5,
    )


ACTIVE = [
    _active("1", dataset, f"n={n}", n, _active_methods(dataset))
    for dataset, (*_, sizes) in ACTIVE_SETS.items()
    for n in sizes
]
# The paper's sweeps are on CIFAR-10; MNIST's are ours, at a cost that fits a CPU.
ACTIVE += [
    _active(
        table,
        dataset,
        f"n={n};{name}={value}",
        n,
        (trained("ActiveGAN", ACTIVE_SETS[dataset][0], **WARMUP, **{option: value}),),
    )
    for dataset, n in (("CIFAR10", 10000), ("MNIST", 500))
    for table, name, option, values in (
        ("2", "epsilon", "eps", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)),
        ("fig3-text", "alpha", "alpha", (0.0, 0.5, 1.0)),
    )
    for value in values
]

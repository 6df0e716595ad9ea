"""Kong et al. Active generative adversarial network for image classification,
AAAI 2019.
"""

from harness.protocols.base import Method, Protocol

# One step is two updates of G: 10,000 of them for grey images, 50,000 for colours.
ACTIVE_STEPS = {
    "MNIST": 5_000,
    "Fashion-MNIST": 5_000,
    "CIFAR10": 25_000,
    "Tiny-ImageNet": 25_000,
}
# Margins that the paper found best for AC-GAN+F.
ACTIVE_MARGINS = {
    "MNIST": 0.15,
    "Fashion-MNIST": 0.15,
    "CIFAR10": 0.2,
    "Tiny-ImageNet": 0.2,
}


# The classifier is least sure of noise, so the term keeps a generator that still draws
# noise there: with a fifth of the steps, at a tenth of the budget, it stayed grey.
ACTIVE_OPTIONS = {"warmup": 0.8}


def trained(name, steps, batch_size=100, trained_as="", **options):
    training = {"steps": steps, "least_epochs": 5, "batch_size": batch_size}
    return Method(name, "activegan", options, training, trained_as=trained_as)


def _active_methods(dataset):
    steps = ACTIVE_STEPS[dataset]
    methods = [
        Method("SVM", "none"),
        trained("AC-GAN", steps, lam=0.0),
        trained(
            "AC-GAN+F",
            steps,
            trained_as="AC-GAN",
            lam=0.0,
            max_margin=ACTIVE_MARGINS[dataset],
        ),
        trained("ActiveGAN", steps, **ACTIVE_OPTIONS),
    ]
    if dataset == "MNIST":
        name = "AC-GAN that learns classes from labelled images alone (ours)"
        methods.append(trained(name, steps, lam=0.0, learn_fake_labels=False))
        name = "AC-GAN with one learning rate (ours)"
        methods.append(trained(name, steps, lam=0.0, lr_d=2e-4, lr_g=2e-4))
        name = "ActiveGAN with a warm-up of a fifth (ours)"
        methods.append(trained(name, steps, warmup=0.2))
        # The term without the reward: what the spreading of samples does alone.
        name = "ActiveGAN with a constant reward (ours)"
        methods.append(trained(name, steps, constant_reward=1.0, **ACTIVE_OPTIONS))
        # D sees moved images.
        moved = {"d_shift": 0.125, "lr_d": 2e-4, "lr_g": 2e-4}
        name = "AC-GAN with moved images (ours)"
        methods.append(trained(name, steps, lam=0.0, **moved))
        name = "AC-GAN with moved images at InfoGAN's rates (ours)"
        methods.append(trained(name, steps, lam=0.0, **{**moved, "lr_g": 1e-3}))
        name = "ActiveGAN with moved images (ours)"
        methods.append(trained(name, steps, **ACTIVE_OPTIONS, **moved))
        # The one policy that follows the slope of the reward; alone, and with a D whose
        # classes do not drift.
        critic = {"policy": "critic", **ACTIVE_OPTIONS}
        name = "ActiveGAN with a critic (ours)"
        methods.append(trained(name, steps, **critic))
        name = "ActiveGAN with a critic and classes from labelled images alone (ours)"
        methods.append(trained(name, steps, learn_fake_labels=False, **critic))
    return tuple(methods)


def _active_outputs(table, setting, sizes):
    """F-scores, and how hard the generated samples are."""
    metrics = {"f_score": "F_score_pct", "svm_alone": "F_score_pct_of_SVM_alone"}
    for size in sizes:
        if size != 1:
            metrics[f"f_score/{size:g}"] = f"F_score_pct_with_{size:g}n"
    for name in ("reward", "margin", "uncertain", "acceptance", "agreement"):
        metrics[name] = f"{name}_of_generated"
    return {score: (table, setting, metric) for score, metric in metrics.items()}


def _active(table, dataset, setting, labelled, methods):
    sizes = (0.5, 1, 2) if labelled <= 1000 else (1,)
    return Protocol(
        paper="ACTIVEGAN2019",
        tables=(table,),
        dataset=dataset,
        setting=setting,
        class_counts=None,
        recipe="activegan",
        parameters={"labelled": labelled, "features": "cnn", "sizes": list(sizes)},
        methods=methods,
        outputs=_active_outputs(table, setting, sizes),
        repeats=5,
    )


ACTIVE = [
    _active("1", dataset, f"n={n}", n, _active_methods(dataset))
    for dataset, sizes in (
        ("MNIST", (500, 1000)),
        ("Fashion-MNIST", (5000, 10000)),
        ("CIFAR10", (5000, 10000)),
        ("Tiny-ImageNet", (10000, 20000)),
    )
    for n in sizes
]
# The paper's sweeps are on CIFAR-10; MNIST's are ours, at a cost that fits a CPU.
ACTIVE += [
    _active(
        table,
        dataset,
        f"n={n};{name}={value}",
        n,
        (
            trained(
                "ActiveGAN",
                ACTIVE_STEPS[dataset],
                **ACTIVE_OPTIONS,
                **{option: value},
            ),
        ),
    )
    for dataset, n in (("CIFAR10", 10000), ("MNIST", 500))
    for table, name, option, values in (
        ("2", "epsilon", "eps", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)),
        ("fig3-text", "alpha", "alpha", (0.0, 0.5, 1.0)),
    )
    for value in values
]

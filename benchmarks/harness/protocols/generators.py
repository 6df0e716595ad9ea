"""What the samples themselves are worth, at one number of steps: no paper's."""

from harness.protocols.base import Method, Protocol

GENERATOR_STEPS = {"steps": 8_440, "batch_size": 64}  # 10 passes over 54,000 images
METRICS = ("agreement", "conditioning", "spread", "variety", "copies", "judge_accuracy")

OURS = [
    Protocol(
        paper="OURS",
        dataset="MNIST",
        setting="balanced",
        class_counts=[5_400] * 10,
        recipe="generator",
        parameters={"features": "cnn", "samples_per_class": 500},
        methods=tuple(
            Method(name, name, training=GENERATOR_STEPS)
            for name in ("cvae", "cgan", "cdcgan", "acgan")
        ),
        outputs={
            name.removesuffix("_accuracy"): ("generators", "balanced", name)
            for name in METRICS
        },
        repeats=1,
    )
]

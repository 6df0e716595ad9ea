"""What objects print as."""

import numpy as np
import pandas as pd

import kerasos
from kerasos.data import DataSpec
from kerasos.description import described


def test_long_values_are_cut_and_lines_break_between_values():
    facts = {"class_counts": (1_000,) * 50, "names": ("a name",) * 50, "seed": 0}
    assert described({}, facts).splitlines() == [
        # 87 characters: a third name would make 97.
        "dict(class_counts=(1000, 1000, 1000, 1000, 1000, 1000, ...), "
        "names=('a name', 'a name',",
        "    'a name', 'a name', 'a name', 'a name', ...), seed=0)",
    ]


def test_a_spec_prints_what_it_knows():
    spec = DataSpec((2,), "float32", (0, 1), class_counts=(7, 2, 5))
    assert repr(spec) == (
        "DataSpec(shape=(2,), dtype='float32', value_range=(0.0, 1.0), num_classes=3,\n"
        "    class_counts=(7, 2, 5))"
    )
    names = tuple(f"number {k}" for k in range(1_000))
    spec = DataSpec((64, 64, 3), "uint8", (0, 255), (9,) * 1_000, names)
    lines = repr(spec).splitlines()
    assert len(lines) <= 4 and "'number 0'" in repr(spec)


def test_a_model_prints_its_options_and_its_steps():
    x = np.random.default_rng(0).uniform(-1, 1, (24, 4)).astype("float32")
    y = np.repeat([0, 1], [16, 8])
    model = kerasos.CGAN.from_data(x, y, seed=3, variant="gamo")
    model.compile(jit_compile=False, run_eagerly=True)
    before = "shape=(4,), dtype='float32', class_counts=(16, 8), "
    assert repr(model).startswith(f"CGAN({before}")
    assert repr(model).endswith("seed=3, steps=0)")
    data = kerasos.data.batches(x, y, 8, seed=0, steps_per_epoch=2)
    model.fit(data, epochs=1, verbose=0)
    assert repr(model).endswith("seed=3, steps=2)")


def test_baselines_print_their_options():
    x, y = np.eye(6, 4, dtype="float32"), np.array([0, 0, 0, 0, 1, 1])
    smote = kerasos.get_method("smote").from_data(x, y, seed=0, k_neighbors=1)
    assert repr(smote) == (
        "SMOTEOversampler(shape=(4,), samples=6, num_classes=2, k_neighbors=1, seed=0)"
    )
    frame = pd.DataFrame(x)
    copies = kerasos.get_method("random").from_data(frame, y)
    assert repr(copies) == (
        "RandomOversampler(shape=(4,), samples=6, num_classes=2, seed=None)"
    )


def test_a_sampler_prints_what_is_not_at_its_default():
    sampler = kerasos.DeepOverSampler("cvae", method_params={"latent_dim": 3})
    assert repr(sampler) == (
        "DeepOverSampler(method='cvae', method_params={'latent_dim': 3})"
    )

"""What a type checker must know of the public surface; `mypy` reads it, nobody runs it.

A line with `type: ignore` is a mistake that has to be seen: unused ones are errors.
"""
# mypy: warn-unused-ignores, check-untyped-defs

from typing import Any, assert_type

import numpy as np

import kerasos
from kerasos.data import DataSpec
from kerasos.evaluation import Comparison, QualityReport, compare, quality
from kerasos.metrics import acsa
from kerasos.over_sampling import DeepOverSampler

x = np.zeros((9, 8, 8, 1), "uint8")
y = np.repeat([0, 1], [6, 3])

assert_type(kerasos.list_methods(), list[str])
assert_type(kerasos.get_method("cvae"), type[Any])

model = kerasos.GAMO.from_data(x, y, seed=0, loss="ls")
assert_type(model, kerasos.GAMO)
assert_type(model.spec, DataSpec)
assert_type(model.sampled_labels, list[int])
assert_type(model.sample([9] * 100, seed=1), np.ndarray)
assert_type(model.export("saved_models/gamo"), str)
assert_type(kerasos.CVAE.from_data(x, y), kerasos.CVAE)
kerasos.CVAE.from_data(x, y, latent_dmi=3)  # type: ignore[call-arg]
kerasos.CVAE.from_data(x, y, seed="0")  # type: ignore[arg-type]
kerasos.GAMO.from_data(x, y, variant="deep")  # type: ignore[arg-type]

sampler = DeepOverSampler("flow", epochs=3, random_state=0)
assert_type(sampler.fit_resample(x, y), tuple[Any, Any])
assert_type(kerasos.DeepOverSampler("cvae"), DeepOverSampler)
DeepOverSampler("flow", epochs="3")  # type: ignore[arg-type]

result = compare(x, y, ["smote"], cv=3)
assert_type(result, Comparison)
assert_type(result.verdict, str)
assert_type(quality(x, x), QualityReport)
assert_type(acsa(y, y), float)
acsa(y)  # type: ignore[call-arg]

"""
New rows of a small class
=========================

Where do new rows lie? Two columns, so that one can look: a large class, and 40 rows of
a rare one on a ring. Copies (``random``) repeat the 40 rows, SMOTE draws lines between
neighbours, and flow matching (``flow``) learns the ring.
"""

# %%
# The data: 400 rows of noise around the ring of the rare class.

import matplotlib.pyplot as plt
import numpy as np

from kerasos.over_sampling import DeepOverSampler

rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 40)
ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, 0.07, (40, 2))
rest = rng.normal(0, 2.0, (400, 2))
X, y = np.concatenate([rest, ring]), np.repeat([0, 1], [400, 40])

# %%
# Every method behind one call. The originals come first; ``sample_is_synthetic_`` marks
# what was added. ``flow`` trains for 1,500 steps here.

made = {}
for method, epochs in (("random", None), ("smote", None), ("flow", 15)):
    sampler = DeepOverSampler(method, epochs=epochs, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    made[method] = X_res[sampler.sample_is_synthetic_]

# %%
# Real rows in black, 360 new ones of the rare class in colour.

figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharex=True, sharey=True)
for axes, (method, rows) in zip(panels, made.items(), strict=True):
    axes.scatter(*rows.T, s=8, color="#d0722b", label="new", alpha=0.6)
    axes.scatter(*ring.T, s=10, color="black", label="real")
    axes.set(title=method, aspect="equal", xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
panels[0].legend(loc="center")
figure.tight_layout()
plt.show()

# %%
# How far from the ring are they? The distance to radius 1 of real rows is about 0.07.

for name, rows in {"real": ring, **made}.items():
    print(f"{name:7} {np.abs(np.linalg.norm(rows, axis=1) - 1).mean():.3f}")

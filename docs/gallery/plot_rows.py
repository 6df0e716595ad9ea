"""
New rows of a small class
=========================

Where do new rows lie? Two columns, so that one can look: a large class, and 40 rows of
a rare one on a ring. Copies (``random``) repeat the 40 rows, SMOTE draws lines between
neighbours, and flow matching (``flow``) has to learn the ring from 40 rows.
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
# what was added. An epoch is 100 steps here.

made = {}
ways = {"random": None, "smote": None, "flow, 1,500 steps": 15, "flow, 6,000 steps": 60}
for name, epochs in ways.items():
    method = name.partition(",")[0]
    sampler = DeepOverSampler(method, epochs=epochs, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    made[name] = X_res[sampler.sample_is_synthetic_]

# %%
# Real rows in black, 360 new ones of the rare class in colour.

figure, panels = plt.subplots(2, 2, figsize=(7, 7.2), sharex=True, sharey=True)
for axes, (method, rows) in zip(panels.flat, made.items(), strict=True):
    axes.scatter(*rows.T, s=8, color="#d0722b", label="new", alpha=0.6)
    axes.scatter(*ring.T, s=10, color="black", label="real")
    axes.set(title=method, aspect="equal", xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
panels[0, 0].legend(loc="center")
figure.tight_layout()
plt.show()

# %%
# How far from the circle are they, on average? SMOTE is nearest, since neighbours lie
# along it, but it adds nothing away from the 40 rows. The flow scatters around the ring
# and into some gaps; it needs many steps for so thin a thing.

for name, rows in {"real": ring, **made}.items():
    print(f"{name:18} {np.abs(np.linalg.norm(rows, axis=1) - 1).mean():.3f}")

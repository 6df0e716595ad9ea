"""
What generated rows give away
=============================

Generated rows that lie nearer to the training rows than to other real rows of the same
kind tell who was in the training data. ``quality`` measures it against rows that the
generator has not seen. Copies are the worst case, and SMOTE, whose rows lie between
training rows, is little better; flow matching is not told from what gives nothing away.
"""

# %%
# Breast cancer data: half of the rows to train on, half held out.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from kerasos.data import subsample
from kerasos.evaluation import quality
from kerasos.over_sampling import DeepOverSampler

data = load_breast_cancer(as_frame=True)
rows = subsample(data.target.to_numpy(), [100, 357], seed=0)
frame, target = data.data.iloc[rows, :6], data.target.iloc[rows]
X, X_holdout, y, y_holdout = train_test_split(
    frame, target, test_size=0.5, stratify=target, random_state=0
)

# %%
# The rare class, 0, is filled up from 50 rows; ``flow`` trains for 500 steps.

found = {}
for name, epochs in {"random": None, "smote": None, "flow": 5}.items():
    sampler = DeepOverSampler(name, epochs=epochs, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    new = sampler.sample_is_synthetic_
    report = quality(
        X,
        X_res[new],
        X_holdout,
        real_y=y,
        synthetic_y=y_res[new],
        holdout_y=y_holdout,
        random_state=0,
    )
    table = report.to_frame().reset_index().set_index("measure")
    found[name] = table.loc[["nearer_to_real", "membership_auc"], "synthetic"]
found = pd.DataFrame(found).T
print(found.round(3).to_string())

# %%
# One half is what rows give that say nothing about who was trained on. With 50 rows the
# figures scatter by about a tenth.

figure, axes = plt.subplots(figsize=(7, 2.8))
axes.axvline(0.5, color="grey", linewidth=1)
for measure, colour in zip(found, ("#14607a", "#d0722b"), strict=True):
    axes.plot(found[measure], found.index, "o", color=colour, label=measure)
axes.set(xlim=(0.4, 1.02), xlabel="0.5 gives nothing away, 1 everything")
axes.invert_yaxis()
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.tight_layout()
plt.show()

"""
What a comparison shows
=======================

``compare`` runs every way of rebalancing on the same folds, resampling inside them, and
tests each against doing nothing, corrected for the number of ways. The data are
scikit-learn's breast cancer with 40 of the malignant cases.
"""

# %%
# Five folds once keep this page fast; the default is five times as many, and finds
# smaller gains.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from kerasos.data import subsample
from kerasos.evaluation import compare

data = load_breast_cancer(as_frame=True)
rows = subsample(data.target.to_numpy(), [40, 357], seed=0)
X, y = data.data.iloc[rows, :6], data.target_names[data.target.iloc[rows]]

methods = ["class_weights", "threshold", "random", "smote", "smote+prior_corrected"]
result = compare(X, y, methods, ["logistic_regression"], 5, verbose=0)
print(result.verdict)

# %%
# ``summary`` has the difference of each way to doing nothing with its interval, for
# each metric. By balanced accuracy rebalancing gains; by the Brier score, where smaller
# is better, it loses what a correction of the probabilities brings back.

figure, panels = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for axes, metric in zip(panels, ("balanced_accuracy", "brier"), strict=True):
    part = result.summary.query("metric == @metric and method != 'none'")
    places = np.arange(len(part))[::-1]
    axes.axvline(0, color="grey", linewidth=1)
    axes.hlines(places, part.low, part.high, color="#14607a")
    axes.plot(part.difference, places, "o", color="#14607a")
    axes.set(yticks=places, yticklabels=part.method, xlabel="difference to nothing")
    axes.set_title(metric.replace("_", " "))
plt.show()

# %%
# All means in one table:

print(result.to_frame().round(3).T.to_string())

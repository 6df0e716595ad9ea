"""
Probabilities after balancing
=============================

A classifier that was trained on balanced data says "rare" too often and with too much
confidence. A reliability diagram shows it: of the cases that it gives 60 %, far fewer
than 60 % are of the rare class. Putting the shares of the classes back mends it, and
moving the threshold needs no resampling at all.
"""

# %%
# A table with 5 % of rare rows, and a logistic regression on it as it is and balanced.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, brier_score_loss
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from kerasos.over_sampling import DeepOverSampler, prior_corrected

X, y = make_classification(
    6_000, 8, n_informative=5, weights=[0.95], class_sep=0.8, random_state=1
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
plain = LogisticRegression().fit(X_train, y_train)
sampler = DeepOverSampler("smote", random_state=0)
balanced = LogisticRegression().fit(*sampler.fit_resample(X_train, y_train))
corrected = prior_corrected(balanced, y_train)
moved = TunedThresholdClassifierCV(LogisticRegression(), scoring="balanced_accuracy")
moved.fit(X_train, y_train)

# %%
# How often a case is of the rare class, against what the classifier says. On the line
# the two agree.

figure, axes = plt.subplots(figsize=(4.6, 4.4))
axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
models = {"as they are": plain, "balanced": balanced, "shares put back": corrected}
for (name, model), colour in zip(
    models.items(), ("black", "#d0722b", "#14607a"), strict=True
):
    p = model.predict_proba(X_test)[:, 1]
    seen, said = calibration_curve(y_test, p, n_bins=8, strategy="quantile")
    axes.plot(said, seen, "o-", color=colour, label=name, markersize=4)
axes.set(xlabel="what the classifier says", ylabel="share of the rare class")
axes.legend()
figure.tight_layout()
plt.show()

# %%
# The Brier score is the mean squared error of the probabilities, smaller is better.
# Balancing and the moved threshold decide about equally well; the probabilities of the
# one are spoilt, those of the other are as they were.

for name, model in {**models, "threshold moved": moved}.items():
    p = model.predict_proba(X_test)[:, 1]
    decided = balanced_accuracy_score(y_test, model.predict(X_test))
    print(f"{name:16} Brier {brier_score_loss(y_test, p):.4f}", end="  ")
    print(f"mean probability {np.mean(p):.3f}  balanced accuracy {decided:.3f}")

"""Ways to bring a numeric column into [-1, 1], on tables, by two numbers.

    python benchmarks/tabular_encodings.py --data_dir DIR --output FILE.csv

For every `*.csv` of the folder (last column `target`; columns of text, and those
named in `--categorical`, are one-hot in every candidate):

- fidelity: normal noise of standard deviation `--noise` on the encoded rows, decoded.
  `ks`: mean Kolmogorov-Smirnov distance between a numeric column and its decoded
  copy; `correlation`: mean absolute change of the rank correlations.
- downstream: the mean recall over classes (ACSA) of a random forest and of logistic
  regression on held-out rows, trained on classes balanced by a generator that is
  fitted in the encoded space: `mixture` (a Gaussian mixture for each class, standing
  for any generative model) and `pairs` (points between two rows of the class, standing
  for convex methods).

The candidates: `linear` (minimum and maximum to the ends), `clipped` (the same for the
1st and 99th percentile, values beyond are clipped), `quantile` (uniform), `normal`
(quantiles of a normal, cut at 3 standard deviations) and `modes` (one-hot of the mode
of a Gaussian mixture of the column and the position in it, as in Xu et al., Modeling
Tabular Data using Conditional GAN, NeurIPS 2019).
"""

import pathlib
import warnings

import numpy as np
import pandas as pd
from absl import app, flags
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    StandardScaler,
)

_DATA = flags.DEFINE_string("data_dir", None, "Folder of CSV files.", required=True)
_OUTPUT = flags.DEFINE_string("output", "tabular_encodings.csv", "Rows to write.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Splits of each table.", 1)
_NOISE = flags.DEFINE_float("noise", 0.1, "Standard deviation, for the fidelity.")
_CATEGORICAL = flags.DEFINE_list(
    "categorical",
    [],
    "Columns of codes, as `table:column`; `table:*` for all of a table.",
)


def linear():
    return MinMaxScaler((-1, 1), clip=True)


class Clipped(MinMaxScaler):
    def fit(self, x, y=None):
        low, high = np.percentile(x, (1, 99))
        return super().fit(np.clip(x, low, high) if low < high else x)


def quantile():
    return make_pipeline(QuantileTransformer(subsample=None), linear())


def normal():
    shares = QuantileTransformer(subsample=None, output_distribution="normal")
    # The ends stand for all beyond them.
    third = FunctionTransformer(
        lambda z: np.clip(z / 3, -1, 1),
        lambda z: np.where(np.abs(z) == 1, 100 * z, 3 * z),
    )
    return make_pipeline(shares, third)


class Modes:
    def fit(self, x):
        mixture = BayesianGaussianMixture(
            n_components=min(10, len(np.unique(x))),
            weight_concentration_prior=0.001,
            random_state=0,
            max_iter=100,
        ).fit(x)
        self.mixture, self.used = mixture, np.flatnonzero(mixture.weights_ > 0.005)
        self.means = mixture.means_[self.used, 0]
        self.widths = 4 * np.sqrt(mixture.covariances_[self.used, 0, 0])
        self.low, self.high = x.min(), x.max()
        return self

    def transform(self, x):
        mode = self.mixture.predict_proba(x)[:, self.used].argmax(axis=1)
        z = np.clip((x[:, 0] - self.means[mode]) / self.widths[mode], -1, 1)
        one_hot = 2 * np.eye(len(self.used))[mode] - 1
        return np.column_stack([z, one_hot])

    def inverse_transform(self, z):
        mode = z[:, 1:].argmax(axis=1)
        x = np.clip(z[:, 0], -1, 1) * self.widths[mode] + self.means[mode]
        return np.clip(x, self.low, self.high)


class OneHot:
    def fit(self, x):
        self.values = np.unique(x)
        return self

    def transform(self, x):
        return 2.0 * (x == self.values) - 1

    def inverse_transform(self, z):
        return self.values[z.argmax(axis=1)]


CANDIDATES = {
    "linear": linear,
    "clipped": lambda: Clipped((-1, 1), clip=True),
    "quantile": quantile,
    "normal": normal,
    "modes": Modes,
}


class Encoder:
    def __init__(self, candidate, frame, categorical):
        self.integers = frame.drop(columns=categorical).select_dtypes("integer").columns
        self.coders = {
            name: (OneHot if name in categorical else candidate)().fit(
                frame[[name]].to_numpy()
            )
            for name in frame
        }

    def transform(self, frame):
        parts = [
            coder.transform(frame[[name]].to_numpy())
            for name, coder in self.coders.items()
        ]
        self.borders = np.cumsum([part.shape[1] for part in parts])[:-1]
        return np.concatenate(parts, axis=1)

    def inverse(self, z):
        columns = {}
        parts = np.split(z, self.borders, axis=1)
        for (name, coder), part in zip(self.coders.items(), parts, strict=True):
            if part.shape[1] == 1:  # of a number alone
                part = np.clip(part, -1, 1)
            values = np.ravel(coder.inverse_transform(part))
            columns[name] = np.rint(values) if name in self.integers else values
        return pd.DataFrame(columns)


def fidelity(encoder, frame, numeric, rng):
    z = encoder.transform(frame)
    decoded = encoder.inverse(z + rng.normal(scale=_NOISE.value, size=z.shape))
    if not numeric:
        return np.nan, np.nan
    distances = [ks_2samp(frame[c], decoded[c]).statistic for c in numeric]
    moved = frame[numeric].corr("spearman") - decoded[numeric].corr("spearman")
    return np.mean(distances), np.nanmean(np.abs(moved.to_numpy()))


def mixture(points, count, rng):
    seed = int(rng.integers(2**31))
    parts = int(np.clip(len(points) // 10, 1, 5))
    model = GaussianMixture(parts, reg_covar=1e-3, random_state=seed).fit(points)
    return model.sample(count)[0]


def pairs(points, count, rng):
    first, second = rng.integers(len(points), size=(2, count))
    share = rng.random((count, 1))
    return share * points[first] + (1 - share) * points[second]


def balanced(encoder, frame, y, generator, rng):
    z = encoder.transform(frame)
    labels, counts = np.unique(y, return_counts=True)
    frames, targets = [frame], [y]
    for label, count in zip(labels, counts, strict=True):
        missing = counts.max() - count
        if missing:
            new = generator(z[y == label], missing, rng)
            frames.append(encoder.inverse(new))
            targets.append(np.repeat(label, missing))
    return pd.concat(frames, ignore_index=True), np.concatenate(targets)


def scores(train, y_train, test, y_test, categorical):
    both = pd.get_dummies(pd.concat([train, test]), columns=list(categorical))
    x, x_test = both.to_numpy(float)[: len(train)], both.to_numpy(float)[len(train) :]
    forest = RandomForestClassifier(100, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return [
        balanced_accuracy_score(y_test, model.fit(x, y_train).predict(x_test))
        for model in (forest, linear)
    ]


def table_rows(path):
    frame = pd.read_csv(path)
    y, frame = frame.pop("target").to_numpy(), frame
    coded = {c.split(":")[1] for c in _CATEGORICAL.value if c.startswith(path.stem)}
    numeric = list(frame.select_dtypes("number").columns)
    numeric = [] if "*" in coded else [c for c in numeric if c not in coded]
    categorical = [c for c in frame if c not in numeric]
    for seed in range(_SEEDS.value):
        train, test, y_train, y_test = train_test_split(
            frame, y, test_size=0.3, stratify=y, random_state=seed
        )
        for name, candidate in CANDIDATES.items():
            encoder = Encoder(candidate, frame, categorical)
            rng = np.random.default_rng(seed)
            row = {"table": path.stem, "seed": seed, "encoding": name}
            row["ks"], row["correlation"] = fidelity(encoder, train, numeric, rng)
            for generator in (mixture, pairs):
                data = balanced(encoder, train, y_train, generator, rng)
                forest, linear = scores(*data, test, y_test, categorical)
                row[f"forest_{generator.__name__}"] = forest
                row[f"linear_{generator.__name__}"] = linear
            yield row


def main(_):
    warnings.simplefilter("ignore")  # mixtures and regressions that stop early
    rows = []
    for path in sorted(pathlib.Path(_DATA.value).glob("*.csv")):
        rows += table_rows(path)
        print(path.stem, flush=True)
        pd.DataFrame(rows).to_csv(_OUTPUT.value, index=False)
    means = pd.DataFrame(rows).drop(columns=["table", "seed"]).groupby("encoding")
    print(means.mean().loc[list(CANDIDATES)].round(4).to_string())


if __name__ == "__main__":
    app.run(main)

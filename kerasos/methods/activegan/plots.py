"""A picture of hard samples: one plane of t-SNE, and margins before and after."""

import numpy as np

from kerasos.plots import save_figure

_COLOURS = {
    "labelled": "0.75",
    "generated": "tab:blue",
    "hard test samples": "tab:red",
}
_SIZES = {"labelled": 8, "generated": 10, "hard test samples": 18}


def hard_samples(
    model, x, x_test, generated, path, before=None, hard=100, rows=400, seed=0
):
    """Writes a picture of where generated samples lie, and of how hard they are.

    Left: labelled, generated and the hardest test samples in one t-SNE plane of the
    features that the classifier sees. Right: the distributions of the margins u_m of
    test and generated samples, and of those generated before.

    Args:
        model: `ActiveGAN`; its classifier gives features and margins.
        x: Labelled samples, `(n, *model.spec.shape)`.
        x_test: Samples that the classifier has not seen.
        generated: Samples of the model.
        path: Where to write, e.g. `"hard_samples.png"`.
        before: Samples from before the training that is looked at, e.g. of the same
            model with `lam=0`; None draws no such curve.
        hard: Integer, test samples of the smallest margins that are shown.
        rows: Integer, labelled and generated samples shown, each at most.
        seed: Integer; it draws them and starts t-SNE.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: If the samples do not fit the model.

    Example:

    ```python
    before = model.sample(labels)
    model.fit(data, epochs=20)
    hard_samples(model, x, x_test, model.sample(labels), "hard.png", before)
    ```
    """
    from matplotlib.figure import Figure

    margins = model.margin(x_test)
    hardest = np.asarray(x_test)[np.argsort(margins, kind="stable")[:hard]]
    source = np.random.default_rng(seed)
    groups = {
        "labelled": _some(x, rows, source),
        "generated": _some(generated, rows, source),
        "hard test samples": hardest,
    }
    plane = _plane(model, groups, seed)
    figure = Figure((11, 5))
    left, right = figure.subplots(1, 2)
    for name, points in plane.items():
        left.scatter(*points.T, s=_SIZES[name], c=_COLOURS[name], label=name)
    left.set(xticks=[], yticks=[], title="t-SNE of the classifier's features")
    left.legend(fontsize=8)
    curves = {"test": margins, "generated": model.margin(generated)}
    if before is not None:
        curves["generated before"] = model.margin(before)
    bins = np.linspace(0.0, 1.0, 26)
    for name, values in curves.items():
        share = float(np.mean(values <= model.eps))
        right.hist(
            values,
            bins,
            density=True,
            histtype="step",
            linewidth=1.5,
            label=f"{name}: {share:.0%} up to {model.eps:g}",
        )
    right.axvline(model.eps, color="0.6", linewidth=0.8, linestyle=":")
    right.set(xlim=(0, 1), xlabel="margin $p_1 - p_2$", ylabel="density")
    right.legend(fontsize=8)
    figure.tight_layout()
    return save_figure(figure, path)


def _plane(model, groups, seed):
    """Returns `{name: (rows, 2) points}` of all groups in one plane."""
    from sklearn.manifold import TSNE

    features = np.concatenate([model.features(part) for part in groups.values()])
    perplexity = min(30.0, (len(features) - 1) / 3)
    points = TSNE(
        perplexity=perplexity, init="pca", random_state=seed, n_jobs=1
    ).fit_transform(features)
    ends = np.cumsum([len(part) for part in groups.values()])[:-1]
    return dict(zip(groups, np.split(points, ends), strict=True))


def _some(samples, rows, source):
    samples = np.asarray(samples)
    if len(samples) <= rows:
        return samples
    return samples[np.sort(source.choice(len(samples), rows, replace=False))]

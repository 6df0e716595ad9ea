"""F-score of an SVM on labelled and generated samples (Kong et al. 2019)."""

import numpy as np

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos import plots_hard
from kerasos.metrics import macro_f1
from kerasos.models.active_build import labelled_features, standardizes
from kerasos.svm import search_svm, svm_settings


def activegan(cell, data_dir, folder):
    """ActiveGAN's tables 1 and 2: an SVM before and after generated samples join.

    The features are learnt from the labelled samples alone, and stay as they are; the
    SVM is searched anew on labelled and generated ones, and scored on all test samples.
    As many generated as labelled samples are looked at more closely: their rewards and
    margins, and the share that a classifier that has seen the whole training set gives
    the label asked for.
    """
    parameters, parts = cell.protocol.parameters, training.Parts(folder)
    (x, y), (x_test, y_test) = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    x, y = labelled(x, y, parameters["labelled"], cell.repeat)
    spec = kerasos.data.DataSpec.of(x, y)
    with training.timed(folder, 0.05):
        features = labelled_features(
            parameters["features"],
            spec,
            x,
            y,
            cell.repeat,
            cache_dir=folder.parent / "features",
        )
        x_rows, test_rows = features(x), features(x_test)

    def score(rows, labels):
        """The settings found, and the macro F1 on the test set in percent."""
        search = search_svm(
            rows, labels, seed=cell.repeat, standardize=standardizes(features)
        )
        f1 = macro_f1(y_test, search.predict(test_rows))
        return svm_settings(search), 100.0 * float(f1)

    if "labelled" not in parts:
        with training.timed(folder, 0.1):
            parts["labelled"] = score(x_rows, y)
    settings, alone = parts["labelled"]
    if cell.method.oversampler == "none":
        return {"f_score": alone}, 0
    model, steps = training.oversampler(
        cell, x, y, folder, (0.1, 0.8), features=features, svm=settings
    )
    common.draw_samples(model, x, y, folder)
    sizes = parameters["sizes"]
    scores = {"svm_alone": alone}
    for number, size in enumerate(sizes):
        name = f"f_score/{size:g}"
        if name not in parts:
            with training.timed(folder, 0.8 + 0.2 * number / len(sizes)):
                labels = balanced_labels(round(size * len(x)), spec.num_classes)
                samples = model.sample(labels, seed=cell.repeat, verbose=0)
                rows = np.concatenate([x_rows, features(samples)])
                parts[name] = score(rows, np.concatenate([y, labels]))[1]
        scores[name] = parts[name]
    scores["f_score"] = scores["f_score/1"]
    labels = balanced_labels(len(x), spec.num_classes)
    samples = model.sample(labels, seed=cell.repeat, verbose=0)
    scores.update(hardness(model, samples))
    picture = folder / "hard.png"
    plots_hard.hard_samples(model, x, x_test, samples, picture, seed=cell.repeat)
    judge = common.judge_of_all(cell, spec, data_dir, folder)
    scores["agreement"] = float((judge.predict(samples) == labels).mean())
    return scores, steps


def labelled(x, y, number, seed):
    """Returns `number` samples drawn with the shares of the classes."""
    from sklearn.model_selection import train_test_split

    if number >= len(y):
        return x, y
    kept, _ = train_test_split(
        np.arange(len(y)), train_size=number, stratify=y, random_state=seed
    )
    return x[kept], y[kept]


def balanced_labels(number, num_classes):
    return np.sort(np.resize(np.arange(num_classes), number))


def hardness(model, samples):
    """Rewards' mean and spread, margins, share of small ones, share accepted."""
    margins, rewards = model.margin(samples), model.reward(samples)
    scores = {
        "reward": (float(rewards.mean()), float(rewards.std(ddof=1))),
        "margin": float(margins.mean()),
        "uncertain": float((margins <= model.eps).mean()),
    }
    if model.acceptance is not None:
        shares = model.acceptance["accepted"].values()
        scores["acceptance"] = float(np.mean(list(shares)))
    return scores

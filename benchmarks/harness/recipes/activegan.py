"""F-score of an SVM on labelled and generated samples (Kong et al. 2019)."""

import numpy as np

from harness import training
from kerasos.methods.activegan import plots as plots_hard
from kerasos.methods.activegan.build import labelled_features, standardizes
from kerasos.methods.activegan.svm import search_svm, svm_settings
from kerasos.metrics import macro_f1


def activegan(work):
    """ActiveGAN's tables 1 and 2: an SVM before and after generated samples join.

    The features are learnt from the labelled samples alone, and stay as they are; the
    SVM is searched anew on labelled and generated ones, and scored on all test samples.
    As many generated as labelled samples are looked at more closely: their rewards and
    margins, and the share that a classifier that has seen the whole training set gives
    the label asked for.
    """
    cell, folder, parts = work.cell, work.folder, work.parts
    work.x, work.y = labelled(work.x, work.y, work.parameters["labelled"], cell.repeat)
    x, y, spec = work.x, work.y, work.spec
    with training.timed(folder, 0.05):
        features = labelled_features(
            work.parameters["features"],
            spec,
            x,
            y,
            cell.repeat,
            cache_dir=folder.parent / "features",
        )
        x_rows, test_rows = features(x), features(work.x_test)

    def score(rows, labels):
        """The settings found, and the macro F1 on the test set in percent."""
        search = search_svm(
            rows, labels, seed=cell.repeat, standardize=standardizes(features)
        )
        f1 = macro_f1(work.y_test, search.predict(test_rows))
        return svm_settings(search), 100.0 * float(f1)

    if "labelled" not in parts:
        with training.timed(folder, 0.1):
            parts["labelled"] = score(x_rows, y)
    settings, alone = parts["labelled"]
    if cell.method.oversampler == "none":
        return {"f_score": alone}, 0
    model, steps = work.oversampler((0.1, 0.8), features=features, svm=settings)
    work.draw_samples(model)

    def generated(number):
        labels = np.sort(np.resize(np.arange(spec.num_classes), number))
        return model.sample(labels, seed=cell.repeat, verbose=0), labels

    sizes = work.parameters["sizes"]
    scores = {"svm_alone": alone}
    for number, size in enumerate(sizes):
        name = f"f_score/{size:g}"
        if name not in parts:
            with training.timed(folder, 0.8 + 0.2 * number / len(sizes)):
                samples, labels = generated(round(size * len(x)))
                rows = np.concatenate([x_rows, features(samples)])
                parts[name] = score(rows, np.concatenate([y, labels]))[1]
        scores[name] = parts[name]
    scores["f_score"] = scores["f_score/1"]
    samples, labels = generated(len(x))
    scores.update(hardness(model, samples))
    picture = folder / "hard.png"
    plots_hard.hard_samples(model, x, work.x_test, samples, picture, seed=cell.repeat)
    agreement = work.judge().predict(samples) == labels
    return {**scores, "agreement": float(agreement.mean())}, steps


def labelled(x, y, number, seed):
    """Returns `number` samples drawn with the shares of the classes."""
    from sklearn.model_selection import train_test_split

    if number >= len(y):
        return x, y
    kept, _ = train_test_split(
        np.arange(len(y)), train_size=number, stratify=y, random_state=seed
    )
    return x[kept], y[kept]


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

"""Scores of groups of classes, FID and times (Fajardo et al. 2021, tables 1 to 9)."""

import time

from papers.group_scores import group_scores
from papers.weight_search import FAJARDO_GRID, fit_weighted, search_sample_weight

import kerasos
from harness import training
from harness.recipes import common
from kerasos.evaluation import fajardo_mlp, fid


def fajardo(work):
    """Fajardo's tables 1 to 9: three MLPs on a balanced set, and the FID.

    The synthetic samples' weight is searched once for the set, on real samples, unless
    the method has one; the time is that of balancing alone, training of the generator
    included.
    """
    cell, folder, parts, parameters = (
        work.cell,
        work.folder,
        work.parts,
        work.parameters,
    )
    fits = {name: parameters[name] for name in ("epochs", "batch_size")}
    balancer, steps = work.oversampler((0.0, 0.6))
    started = time.monotonic()
    balanced = balancer.oversample(work.x, work.y, seed=cell.repeat)
    if "balance_seconds" not in parts:
        parts["balance_seconds"] = (
            training.read_progress(folder)["seconds"] + time.monotonic() - started
        )
    scores = {}
    if not cell.trained_as:  # whose training took another row's time
        scores["balance_seconds"] = parts["balance_seconds"]
    weight = 1.0
    if balanced[2].any():
        work.draw_made(*balanced)
        scores.update(minority_fid(work, *balanced))
        weight = cell.method.classifier.get("weight")
        weight = weight or searched_weight(work, balanced, fits)
        scores["weight"] = weight
    number = parameters["classifiers"]
    for repeat in range(number):
        name = f"classifier_{repeat}"
        if name not in parts:
            seed = cell.repeat * number + repeat
            with training.timed(folder, 0.8 + 0.2 * repeat / number):
                model = fajardo_mlp(work.spec, seed=seed)
                fit_weighted(model, *balanced, weight, seed=seed, **fits)
            parts[name] = group_scores(
                work.y_test,
                common.predicted_labels(model, work.x_test),
                parameters["minority"],
            )
    groups = [parts[f"classifier_{repeat}"] for repeat in range(number)]
    for name in groups[0]:
        values = [group[name] for group in groups]
        scores[name.replace("_", "/", 1)] = training.mean_and_spread(values)
    return scores, steps


def searched_weight(work, balanced, fits):
    """The weight with the best score in cross-validation; goes on where it stopped.

    Row options: `unseen_folds`, for methods without training: each fold has synthetic
    samples of its own; `balanced_folds`: each class counts alike in the score.
    """
    method, seed, parts = work.cell.method, work.cell.repeat, work.parts

    def oversample(x, y):
        balancer = kerasos.get_method(method.oversampler).from_data(
            x, y, seed=seed, **method.options
        )
        return balancer.oversample(x, y, seed=seed)

    unseen = method.classifier.get("unseen_folds", False)
    found = dict(parts["search"]) if "search" in parts else {}

    with training.timed(work.folder, 0.8) as lap:

        def keep(value, folds):
            found[value] = folds
            parts["search"] = list(found.items())
            lap(len(found) / len(FAJARDO_GRID))

        return search_sample_weight(
            fajardo_mlp(work.spec, seed=seed),
            *balanced,
            minority=work.parameters["minority"],
            seed=seed,
            done=found,
            on_score=keep,
            oversample=oversample if unseen else None,
            balanced=method.classifier.get("balanced_folds", False),
            **fits,
        ).best_weight


def minority_fid(work, x, y, is_synthetic):
    """FID of each minority class: made images against the test images of the class.

    As many of each as there are test images of the class, or as were made.
    """
    scores, (x_test, y_test) = {}, work.whole[1]
    for label in work.parameters["minority"]:
        real, made = x_test[y_test == label], x[is_synthetic & (y == label)]
        number = min(len(real), len(made))
        scores[f"fid/{label}"] = fid(real[:number], made[:number], work.features)
    return scores

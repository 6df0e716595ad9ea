"""Scores of groups of classes, FID and times (Fajardo et al. 2021, tables 1 to 9)."""

import statistics
import time

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.evaluation import fajardo_mlp, fid, fit_weighted, search_sample_weight
from kerasos.evaluation.weight_search import FAJARDO_GRID
from kerasos.metrics.groups import group_scores


def fajardo(cell, data_dir, folder):
    """Fajardo's tables 1 to 9: three MLPs on a balanced set, and the FID.

    The synthetic samples' weight is searched once for the set, on real samples, unless
    the method has one; the time is that of balancing alone, training of the generator
    included.
    """
    parameters, parts = cell.protocol.parameters, training.Parts(folder)
    (x, y), (x_test, y_test) = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    spec = kerasos.data.DataSpec.of(x, y)
    minority, epochs = parameters["minority"], parameters["epochs"]
    fits = {"epochs": epochs, "batch_size": parameters["batch_size"]}
    balancer, steps = training.oversampler(cell, x, y, folder, (0.0, 0.6))
    started = time.monotonic()
    x, y, is_synthetic = balancer.oversample(x, y, seed=cell.repeat)
    if "balance_seconds" not in parts:
        parts["balance_seconds"] = (
            training.read_progress(folder)["seconds"] + time.monotonic() - started
        )
    scores = {}
    if not cell.trained_as:  # whose training took another row's time
        scores["balance_seconds"] = parts["balance_seconds"]
    weight = 1.0
    if is_synthetic.any():
        common.draw_made(x, y, is_synthetic, folder)
        scores.update(minority_fid(cell, spec, x, y, is_synthetic, data_dir, folder))
        weight = cell.method.classifier.get("weight") or searched_weight(
            cell, spec, x, y, is_synthetic, folder, parts, fits
        )
        scores["weight"] = weight
    groups = []
    for number in range(parameters["classifiers"]):
        name = f"classifier_{number}"
        if name not in parts:
            seed = cell.repeat * parameters["classifiers"] + number
            with training.timed(folder, 0.8 + 0.2 * number / parameters["classifiers"]):
                model = fajardo_mlp(spec, seed=seed)
                fit_weighted(model, x, y, is_synthetic, weight, seed=seed, **fits)
            predicted = common.predicted_labels(model, x_test)
            parts[name] = group_scores(y_test, predicted, minority, spec.num_classes)
        groups.append(parts[name])
    for name in groups[0]:
        values = [group[name] for group in groups]
        spread = statistics.stdev(values) if len(values) > 1 else None
        scores[name.replace("_", "/", 1)] = (statistics.fmean(values), spread)
    return scores, steps


def searched_weight(cell, spec, x, y, is_synthetic, folder, parts, fits):
    """The weight with the best score in cross-validation; goes on where it stopped.

    Row options: `unseen_folds`, for methods without training: each fold has synthetic
    samples of its own; `balanced_folds`: each class counts alike in the score.
    """
    method = cell.method

    def oversample(x, y):
        balancer = kerasos.get_method(method.oversampler).from_data(
            x, y, seed=cell.repeat, **method.options
        )
        return balancer.oversample(x, y, seed=cell.repeat)

    unseen = method.classifier.get("unseen_folds", False)
    found = dict(parts["search"]) if "search" in parts else {}

    with training.timed(folder, 0.8) as lap:

        def keep(value, folds):
            found[value] = folds
            parts["search"] = list(found.items())
            lap(len(found) / len(FAJARDO_GRID))

        return search_sample_weight(
            fajardo_mlp(spec, seed=cell.repeat),
            x,
            y,
            is_synthetic,
            minority=cell.protocol.parameters["minority"],
            seed=cell.repeat,
            done=found,
            on_score=keep,
            oversample=oversample if unseen else None,
            balanced=method.classifier.get("balanced_folds", False),
            **fits,
        ).best_weight


def minority_fid(cell, spec, x, y, is_synthetic, data_dir, folder):
    """FID of each minority class: made images against the test images of the class.

    As many of each as there are test images of the class, or as were made.
    """
    features = common.features_of_all(cell, spec, data_dir, folder)
    _, (x_test, y_test) = datasets.load(cell.protocol.dataset, None, data_dir, 0)
    scores = {}
    for label in cell.protocol.parameters["minority"]:
        real, made = x_test[y_test == label], x[is_synthetic & (y == label)]
        number = min(len(real), len(made))
        scores[f"fid/{label}"] = fid(real[:number], made[:number], features)
    return scores

"""`DeepOverSampler`: every method of kerasos as an imbalanced-learn sampler."""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, Self, TypeVar, cast

import keras
import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from kerasos.annotations import Strategy
from kerasos.checks import check, check_options, nearest_name
from kerasos.data.pipeline import batches
from kerasos.data.redraw import redrawn
from kerasos.over_sampling.dates import refuse_dates_as_text
from kerasos.over_sampling.filters import SampleFilter, warn_of_unmet
from kerasos.over_sampling.inputs import check_containers, checked_labels
from kerasos.over_sampling.one_hot import one_hot_groups, tidy
from kerasos.over_sampling.rows import stack
from kerasos.over_sampling.schedule import (
    STEPS_PER_EPOCH,
    default_batch_size,
    default_steps,
    epochs_of,
)
from kerasos.over_sampling.screening import nearer_to_others
from kerasos.randomness.seeds import derive_seed
from kerasos.registry import get_method
from kerasos.tables.encoder import TabularEncoder

# Dicts whose entries are parameters of their own, `method_params__latent_dim`.
NESTED = ("method_params", "encoder_params")
TABLE_METHOD = "flow"  # by default
# Widest matrix that a network is trained on; one of 20,000 columns and 1,500 rows takes
# minutes an epoch and learns little of them.
MAX_WIDTH = 5_000
# Steps between two returns to Python. 50 in place of 1 take a quarter (CVAE) to a third
# (cGAN) off the processor time of a fit on 384 rows; the numbers stay the same.
STEPS_AT_ONCE = 50
# Up to here a graph is not worth its tracing: 1 s of processor time against 30 ms a
# step without one (CVAE).
EAGER_STEPS = 10


F = TypeVar("F", bound=Callable[..., Any])


def _knowing_options(init: F) -> F:
    """Decorator of the constructor: tells an option of the method where it belongs.

    scikit-learn reads the parameters off the signature, which stays as it is.
    """
    own = list(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def call(self, method=None, *args, **params):
        for name in params.keys() - own:
            try:
                options = get_method(method or TABLE_METHOD).options
            except ValueError:
                options = {}
            nearest = nearest_name(name, [*options, *own])
            nearest = "random_state" if name == "seed" else nearest
            message = f"`DeepOverSampler` has no parameter {name!r}."
            if nearest in own:
                raise TypeError(f"{message} Did you mean {nearest!r}?")
            way = f"method_params={{{nearest or name!r}: {params[name]!r}}}"
            raise TypeError(
                f"{message} Expected one of {own}. Options of the method go into "
                f"`{way}`."
            )
        init(self, method, *args, **params)

    return cast(F, call)


class DeepOverSampler(BaseOverSampler):
    """Balances a training set with samples of a generative model.

    Fits the method on `X, y` and puts the samples that `sampling_strategy` asks for
    behind the originals, which come first and unchanged. For use as any sampler of
    imbalanced-learn: alone, in its `Pipeline`, in `GridSearchCV`.

    Tables are 2-D arrays, sparse matrices and pandas frames; samples come back in the
    container, with the same columns and dtypes. Methods without a network work on the
    columns as they are: `random` copies rows of any content, `SMOTEOversampler` says
    what it takes. For the others `kerasos.data.TabularEncoder` makes a matrix in
    [-1, 1] of numbers, booleans, strings, categories and dates, missing values allowed,
    of 5,000 columns at most; sparse matrices are made dense for it. Numbers that are
    codes belong into a categorical column: `frame.astype({"zip": "category"})`. One-hot
    columns, as of `pandas.get_dummies`, stay one-hot.
    Methods with the option `pre_oversample` learn tables with it: their batches hold as
    many rows of each class (R- variants of Fajardo et al.). "flow" does so with images.
    For networks whose `numeric` is "linear" numbers are scaled affinely, so a sample
    between real rows is a convex combination of them, rounded where the column holds
    whole numbers; a category is the one with most weight among the parents. Other
    methods get normal scores.

    Image stacks have shape `(n, height, width)` or `(n, height, width, channels)`;
    floats outside [-1, 1] need `method_params={"value_range": (low, high)}`. Booleans
    are 0 and 1, and rounded.

    Resample the training part only. Samples made before a split carry rows of the test
    set into training, and scores on them are worth nothing: put the sampler into an
    `imblearn.pipeline.Pipeline`, which resamples in `fit` and nowhere else. A
    classifier trained on balanced data overestimates rare classes' probabilities;
    `prior_corrected` undoes that.

    Args:
        method: Name from `kerasos.list_methods()`. Default None: "flow" for tables,
            "cvae" for images.
        sampling_strategy: As in imbalanced-learn: "auto" brings every class to the size
            of the largest; a dict of totals by label, a float (two classes), a callable
            or one of its other strings.
        epochs: Passes over the data. Default None: `default_passes` of the method
            within its `default_steps`, counted in epochs of at least 100 steps. For
            most methods 50 passes, but at least 1,000 and at most 20,000 steps: 1,000
            for 100 rows, 1,550 for 1,000, 7,800 for 20,000 and 20,000 (10 passes) for
            1,000,000; about 5,000 at most for "flow" and "cvae" on tables.
            Earlier stages of a method (an autoencoder's) come on top.
        batch_size: Rows of a step. Default None: 32, from 10,000 rows on 128, from
            100,000 on 512; never more than there are rows.
        method_params: Dict of options of the method's `from_data`. A search reaches
            each by its name: `method_params__latent_dim`.
        encoder_params: Dict of parameters of the `TabularEncoder`, for methods with a
            network: `{"max_categories": 2000}`. Reached in the same way.
        screen: Whether a sample that is not nearer to a real row of its own class than
            to any other is drawn again, up to 7 times (methods with a network).
            Default "auto": in tables of categories only, where rules often make the
            classes.
        filter: A `SampleFilter`, or True for one with its defaults: samples that it
            does not let pass are drawn again, up to 7 times (methods with a network).
            Default None: all are taken.
        random_state: Integer, `numpy.random.RandomState` or None. An integer fixes the
            result bit for bit on one machine.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch.

    Attributes:
        method_: Name of the method that was used.
        sampling_strategy_: Dict of the samples to add, by label.
        sample_is_synthetic_: Boolean array, true for the added rows.
        model_: The trained method; None if nothing was to be added.
        encoder_: The fitted `TabularEncoder`; None for images and for methods that take
            the table itself. `encoder_.inverse_transform(model_.sample([k] * 9))` gives
            nine more rows of `classes_[k]`; without an encoder `model_.sample` does.
        filter_: The fitted `SampleFilter`, or None.
        history_: Dict of the losses, a list with a value an epoch each; empty for
            methods without training.
        classes_: Labels in the order of the method's integers.
        n_features_in_: Columns of `X`.
        feature_names_in_: Their names, where `X` is a frame with strings for names.

    Raises:
        TypeError: If an option is unknown, or a column holds values that cannot be
            encoded.
        ValueError: If the method is unknown, an option is not what it must be, the data
            cannot be used, or a class is asked for that the method cannot generate.

    Example:

    >>> pipeline = imblearn.pipeline.make_pipeline(
    ...     DeepOverSampler("gamo", random_state=0), RandomForestClassifier())
    >>> cross_val_score(pipeline, frame, target, scoring="balanced_accuracy")
    """

    _parameter_constraints = {
        **BaseOverSampler._parameter_constraints,
        "method": [str, None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "method_params": [dict, None],
        "encoder_params": [dict, None],
        "screen": ["boolean", StrOptions({"auto"})],
        "filter": [SampleFilter, "boolean", None],
        "verbose": [Interval(Integral, 0, 2, closed="both")],
    }

    @_knowing_options
    def __init__(
        self,
        method: str | None = None,
        *,
        sampling_strategy: Strategy = "auto",
        epochs: int | None = None,
        batch_size: int | None = None,
        method_params: dict[str, Any] | None = None,
        encoder_params: dict[str, Any] | None = None,
        screen: bool | str = "auto",
        filter: SampleFilter | bool | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.method = method
        self.epochs = epochs
        self.batch_size = batch_size
        self.method_params = method_params
        self.encoder_params = encoder_params
        self.screen = screen
        self.filter = filter
        self.random_state = random_state
        self.verbose = verbose

    # Options of the method and the encoder as parameters of their own.

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the parameters; with `deep` those in the dicts, too."""
        params = super().get_params(deep=deep)
        for group in NESTED if deep else ():
            given = getattr(self, group)
            if isinstance(given, Mapping):
                for name, value in given.items():
                    params[f"{group}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; `method_params__name` sets or adds an option."""
        nested = {group: {} for group in NESTED}
        for name in list(params):
            group, _, option = name.partition("__")
            if group in nested and option:
                nested[group][option] = params.pop(name)
        super().set_params(**params)
        for group, options in nested.items():
            if options:  # into a new dict: the old one may be another estimator's, too
                setattr(self, group, {**(getattr(self, group) or {}), **options})
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags

    # Input.

    def _check_X_y(self, X, y, accept_sparse=None):
        del accept_sparse
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        copies = self.method is not None and get_method(self.method).takes_tables
        if isinstance(X, pd.DataFrame):
            # scikit-learn would turn a frame of mixed columns into objects.
            X, y = validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
            check_consistent_length(X, y)
            if not X.size:
                raise ValueError(
                    "The frame is empty. Expected at least one row and one column. "
                    f"Received: shape {X.shape}."
                )
        else:
            X, y = validate_data(
                self,
                X=X,
                y=y,
                reset=True,
                accept_sparse=["csr", "csc"],
                dtype=None,
                allow_nd=True,
                ensure_all_finite=False if copies else "allow-nan",
            )
        if np.ndim(X) not in (2, 3, 4):
            raise ValueError(
                "`X` must be a table (n, features), or images (n, height, width) or "
                f"(n, height, width, channels). Received: shape {np.shape(X)}."
            )
        return X, y, binarize_y

    # Resampling.

    def fit_resample(self, X: Any, y: ArrayLike, **params: Any) -> tuple[Any, Any]:
        """Trains the method and returns `X, y` followed by its samples.

        Args:
            X: Table or images, see the class.
            y: Labels of any kind that scikit-learn accepts, one a row: an array, a
                series, a list, or a frame or array of one column.
            **params: None are known; there for imbalanced-learn's interface.

        Returns:
            `(X_res, y_res)` in the containers and dtypes of `X` and `y`. Frames are
            numbered from 0.
        """
        if params:
            raise TypeError(
                "`fit_resample` takes `X` and `y`. Received: "
                f"{', '.join(f'`{name}`' for name in params)}. Rows that are made have "
                "no weight of their own: weigh rows when the classifier is fitted, "
                "`sample_is_synthetic_` tells them apart, or say how many there shall "
                "be by `sampling_strategy`."
            )
        check_containers(X, y)
        y = checked_labels(y)
        X_res, y_res = super().fit_resample(X, y)
        if sparse.issparse(X) and type(X_res) is not type(X):
            X_res = type(X)(X_res)
        return X_res, y_res

    def _fit_resample(self, X, y):
        self.method_ = self.method or (TABLE_METHOD if np.ndim(X) == 2 else "cvae")
        method = get_method(self.method_)
        params = self._checked_params(method)
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        self.classes_, codes = np.unique(y, return_inverse=True)
        wanted = {
            int(np.searchsorted(self.classes_, label)): int(count)
            for label, count in self.sampling_strategy_.items()
            if count
        }
        labels = np.repeat(
            np.array(list(wanted), "int64"), np.array(list(wanted.values()), "int64")
        )
        self.sample_is_synthetic_ = np.arange(len(y) + len(labels)) >= len(y)
        self.model_, self.encoder_, self.history_ = None, None, {}
        self.filter_ = self._new_filter(method, seed)
        if not len(labels):
            return stack(X, None), y
        is_own = method.takes_tables and np.ndim(X) == 2
        x = self._own_table(X) if is_own else self._encode(X, y, seed)
        screens = self._screens()
        if issubclass(method, keras.Model):
            params = {**self._stage_epochs(method, len(x)), **params}
            if self.encoder_ is not None:
                params.setdefault("value_range", (-1.0, 1.0))
                if "pre_oversample" in method.options:
                    params.setdefault("pre_oversample", True)
        self._warn_of_single_samples(codes)
        with warnings.catch_warnings():
            # Said above in the user's labels; and rows of a table do repeat.
            warnings.filterwarnings("ignore", "Labels .* have one sample each")
            warnings.filterwarnings("ignore", "`x` holds repeated samples")
            self.model_ = method.from_data(x, codes, seed=seed, **params)
            sample_seed = derive_seed(seed, "deep_over_sampler", "sample")
            if issubclass(method, keras.Model):
                self._check_classes(wanted)
                if self.filter_ is not None:
                    self.filter_.fit(X, y)
                self._train(x, codes, seed)
                x_new = self._sample(X, x, codes, labels, sample_seed, screens)
                X_res = stack(X, self._decode(x_new, X))
            else:
                x_res, labels = self._draw(x, codes, wanted, sample_seed)
                X_res = x_res if is_own else self._decode(x_res, X)
        y_new = self.classes_[labels]
        return X_res, np.concatenate([y, y_new.astype(y.dtype)])

    def _checked_params(self, method):
        """Returns `method_params`, after checking what the data have no say in."""
        params = dict(self.method_params or {})
        if "seed" in params:
            raise TypeError(
                "`method_params` must not hold 'seed'. Use `random_state`, which fixes "
                f"everything. Received: method_params={self.method_params}."
            )
        check_options(params, method.options, f"{method.__name__}.from_data")
        for name, value in params.items():
            _, default, kind = method.options[name]
            if value is not default:
                check(name, value, kind, default)
        return params

    def _own_table(self, X):
        if self.encoder_params:
            raise TypeError(
                f"{self.method_!r} takes the table as it is, without an encoder. "
                f"Expected no `encoder_params`. Received: {self.encoder_params}. Leave "
                "it out."
            )
        return X

    def _encode(self, X, y, seed):
        """Returns what the method sees: a matrix in [-1, 1], or images."""
        if not isinstance(X, pd.DataFrame) and X.ndim > 2:
            X = X.astype("float32") if X.dtype == bool else X
            return X[..., None] if X.ndim == 3 else X
        self._check_width(X.shape[1], "columns")
        X = X.toarray() if sparse.issparse(X) else X
        if isinstance(X, pd.DataFrame) or X.dtype.kind in "OU":
            frame = pd.DataFrame(X)
            for place, name in enumerate(frame.columns):
                refuse_dates_as_text(frame.iloc[:, place], name)
        self.encoder_ = self._encoder(seed).fit(X, y)
        self._check_width(self.encoder_.width_, "columns, one for each category")
        x = self.encoder_.transform(X)
        if not x.shape[1]:
            raise ValueError(
                "All columns are constant, so there is nothing to learn. Expected a "
                f"column with two values at least. Received: shape {X.shape}."
            )
        self._one_hot = self._one_hot_slices(X)
        return x

    def _encoder(self, seed):
        params = dict(self.encoder_params or {})
        known = inspect.signature(TabularEncoder).parameters
        check_options(params, known, "TabularEncoder")
        own = {
            "numeric": get_method(self.method_).numeric,
            "random_state": derive_seed(seed, "deep_over_sampler", "encoder"),
        }
        return TabularEncoder(**{**own, **params})

    def _check_width(self, width, what):
        if width > MAX_WIDTH:
            raise ValueError(
                f"The table is too wide for {self.method_!r}, which learns a dense "
                f"matrix of it. Expected at most {MAX_WIDTH:,} columns when encoded. "
                f"Received: {width:,} {what}. Reduce it first, for instance by "
                "scikit-learn's `TruncatedSVD(100)` in the pipeline or by grouping "
                "rare categories, or use `smote` or `random`, which take it as it is."
            )

    def _one_hot_slices(self, X):
        """Returns where one-hot columns lie in the matrix, see `one_hot.tidy`."""
        blocks = {block.column: block.slice for block in self.encoder_.blocks_}
        names = list(X.columns) if isinstance(X, pd.DataFrame) else range(X.shape[1])
        found = []
        for places, flags in one_hot_groups(X):
            kept = [i for i, place in enumerate(places) if names[place] in blocks]
            if len(kept) > 1:  # a constant column takes no room
                slices = [blocks[names[places[i]]] for i in kept]
                found.append((slices, flags[:, kept]))
        return found

    def _decode(self, x, X):
        if self.encoder_ is None:
            if x.dtype.kind == "f" and not np.isfinite(x).all():
                raise ValueError(
                    f"{self.method_!r} generated NaN or infinity: its training has "
                    "diverged. Lower `epochs`, or check the scale of the images."
                )
            x = x >= 0.5 if X.dtype == bool else x
            return x[..., 0] if X.ndim == 3 else x
        table = self.encoder_.inverse_transform(x)
        if sparse.issparse(X):
            return type(X)(table)
        return table

    def _warn_of_single_samples(self, codes):
        single = self.classes_[np.bincount(codes) == 1]
        if len(single):
            warnings.warn(
                f"Classes {single.tolist()} have one sample each, so what is "
                "generated for them can only repeat it.",
                stacklevel=4,
            )

    def _check_classes(self, wanted):
        if not self.model_.produces_samples:
            raise ValueError(
                f"{self.method_!r} with these `method_params` generates features, not "
                f"samples. Received: method_params={self.method_params}. Leave out "
                "the option that makes it so, or choose another method."
            )
        able = set(self.model_.sampled_labels)
        wrong = [self.classes_[code] for code in wanted if code not in able]
        if wrong:
            raise ValueError(
                f"{self.method_!r} generates classes smaller than the largest only. "
                f"Expected some of {[self.classes_[k] for k in sorted(able)]}. "
                f"Received: sampling_strategy={self.sampling_strategy!r}, which asks "
                f"for more of {wrong}. Choose another method for that."
            )

    def _plan(self, num_rows):
        """Returns batch size, steps of an epoch, and steps in all; None: `epochs`."""
        batch_size = min(self.batch_size or default_batch_size(num_rows), num_rows)
        steps_per_epoch = num_rows // batch_size
        if self.epochs is not None:
            return batch_size, steps_per_epoch, None
        method = get_method(self.method_)
        bounds = method.default_steps
        if self.encoder_ is not None:
            bounds = method.default_row_steps or bounds
        steps = default_steps(num_rows, batch_size, method.default_passes, bounds)
        return batch_size, min(max(steps_per_epoch, STEPS_PER_EPOCH), steps), steps

    def _stage_epochs(self, method, num_rows):
        _, steps_per_epoch, steps = self._plan(num_rows)
        given = steps is None
        epochs = self.epochs if given else -(-steps // steps_per_epoch)
        return method.stage_epochs(epochs, given=given)

    def _train(self, x, codes, seed):
        batch_size, steps_per_epoch, steps = self._plan(len(x))
        epochs = self.epochs
        if steps is not None:
            epochs = epochs_of(self.model_, steps, steps_per_epoch)
        steps = epochs * steps_per_epoch
        if self.model_.distribute_strategy.num_replicas_in_sync == 1:
            self.model_.steps_per_execution = STEPS_AT_ONCE
            self.model_.run_eagerly = steps <= EAGER_STEPS
        data = batches(
            x,
            codes,
            batch_size,
            seed=derive_seed(seed, "deep_over_sampler", "batches"),
            steps_per_epoch=steps_per_epoch,
        )
        history = self.model_.fit(data, epochs=epochs, verbose=self.verbose)
        if self.model_.run_eagerly:  # not where the user goes on
            self.model_.run_eagerly = False
            self.model_.make_train_function(force=True)
        self.history_ = {
            name: [float(value) for value in values]
            for name, values in history.history.items()
        }

    def _screens(self):
        """Whether samples are screened."""
        if self.encoder_ is None:
            if self.screen is True:
                raise ValueError(
                    "`screen=True` compares rows of a table. Received: images. Leave "
                    "`screen` out."
                )
            return False
        if self.screen == "auto":
            return all(block.kind != "numeric" for block in self.encoder_.blocks_)
        return bool(self.screen)

    def _new_filter(self, method, seed):
        if self.filter is None or self.filter is False:
            return None
        if not issubclass(method, keras.Model):
            raise ValueError(
                f"`filter` draws samples of a network again. Received: the method "
                f"{self.method_!r}, which has none. Leave it out, and choose rows by "
                "`kerasos.over_sampling.keep`."
            )
        new = SampleFilter() if self.filter is True else clone(self.filter)
        new.check_options()
        return new.set_params(random_state=derive_seed(seed, "filter"))

    def _sample(self, X, x, codes, labels, seed, screens):
        def sample(labels, seed):
            rows = self.model_.sample(labels, seed=seed, verbose=self.verbose)
            return rows if self.encoder_ is None else tidy(rows, x, self._one_hot)

        rules = []
        if screens:
            rules.append(self._nearness(x, codes))
        if self.filter_ is not None:
            rules.append(
                lambda rows, labels: self.filter_.excess(
                    self._decode(rows, X), self.classes_[labels]
                )
            )
        if not rules:
            return sample(labels, seed)

        def excess(rows, labels):
            return np.max([rule(rows, labels) for rule in rules], axis=0)

        rows, unmet = redrawn(sample, labels, excess, seed)
        if self.filter_ is not None:
            warn_of_unmet(unmet, labels, self.classes_)
        return rows

    def _nearness(self, x, codes):
        """Distances to the own class less those to others, of codes without draws."""
        plain = TabularEncoder(**self.encoder_.get_params())
        if plain.numeric == "normal":
            plain.set_params(numeric="quantile")
        real = plain.fit_transform(self.encoder_.inverse_transform(x), codes)

        def seen(rows):
            return plain.transform(self.encoder_.inverse_transform(rows))

        return nearer_to_others(real, codes, seen)

    def _draw(self, x, codes, wanted, seed):
        """Rows of a method without a network, all; labels of the new ones."""
        self.model_.label_names = self.classes_
        counts = np.bincount(codes)
        totals = {code: int(counts[code]) + count for code, count in wanted.items()}
        x_res, codes_res, is_new = self.model_.oversample(x, codes, totals, seed=seed)
        self.sample_is_synthetic_ = is_new
        added = np.bincount(codes_res[is_new], minlength=len(counts))
        for label in self.sampling_strategy_:  # a method may add nothing
            place = int(np.searchsorted(self.classes_, label))
            self.sampling_strategy_[label] = int(added[place])
        return x_res, codes_res[is_new]

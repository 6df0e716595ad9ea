"""Checks of options: what passes, what is refused, and in which words."""

import inspect
from typing import Annotated, Literal

import numpy as np
import pytest

from kerasos.checks import (
    AnyOf,
    Boolean,
    Count,
    Integer,
    Listed,
    NonNegative,
    Number,
    OneOf,
    Option,
    Options,
    Positive,
    Share,
    Whole,
    check_choice,
    check_count,
    check_number,
    check_options,
    checked,
    kind_of,
    nearest_name,
    unknown_name_message,
)

NAN, INF = float("nan"), float("inf")


def test_nearest_name_ignores_case_and_gives_up_when_far():
    assert nearest_name("GAMO", ["gamo", "cvae"]) == "gamo"
    assert nearest_name("xyzzy", ["gamo", "cvae"]) is None
    assert "mean" not in unknown_name_message("method", "xyzzy", ["gamo", "cvae"])


def test_numbers_are_near_by_value_and_not_by_spelling():
    assert nearest_name("10", ["1", "100", "20"]) is None
    assert nearest_name(3, ["13", "3.0"]) == "3.0"
    assert nearest_name("1e2", [1, 100]) == 100
    assert nearest_name("v10", ["v1", "w2"]) == "v1"  # no number


def test_unknown_option_names_the_nearest_and_the_place():
    check_options({"rows": 1}, ["rows", "latent_dim"], "GAMO.from_data")
    with pytest.raises(TypeError) as error:
        check_options({"row": 1}, ["rows", "latent_dim"], "GAMO.from_data")
    assert str(error.value) == (
        "Unknown option 'row' for `GAMO.from_data`. Expected one of: 'rows', "
        "'latent_dim'. Did you mean 'rows'?"
    )
    with pytest.raises(TypeError, match="`Plain.from_data` takes no options"):
        check_options(["k"], [], "Plain.from_data")
    with pytest.raises(TypeError, match="`epochs` does not belong here: `fit` takes"):
        check_options(["epochs"], ["ae_epochs"], "BAGAN.from_data")


@pytest.mark.parametrize(
    "annotation, kind, words",
    [
        (Count, Integer(1), "an integer of at least 1"),
        (Annotated[int, Integer(2, 4)], Integer(2, 4), "an integer in [2, 4]"),
        (Positive, Number(above=0), "a finite number above 0"),
        (NonNegative, Number(0), "a finite number of at least 0"),
        (
            Annotated[float, Number(most=1)],
            Number(most=1),
            "a finite number of at most 1",
        ),
        (Share, Number(0, 1), "a finite number in [0, 1]"),
        (bool, Boolean(), "True or False"),
        (Literal["a", "b"], OneOf(("a", "b")), "one of 'a', 'b'"),
        (
            Whole | Literal["auto"] | None,
            AnyOf((Integer(0), OneOf(("auto",)), None)),
            "an integer of at least 0, or one of 'auto', or None",
        ),
        (
            Annotated[list, Listed(Integer(1), 2)],
            Listed(Integer(1), 2),
            "a list of 2 entries, each an integer of at least 1",
        ),
        (str, None, "None"),
        (Count | str, None, "None"),  # what is not known here is not refused here
    ],
)
def test_an_annotation_says_the_kind_and_the_kind_says_it_in_words(
    annotation, kind, words
):
    assert kind_of(annotation) == kind
    assert str(kind) == words


FIT = {
    Integer(1): ([1, 7, np.int64(2)], [0, -1, 1.0, True, "1", None, NAN]),
    Integer(): ([-5], [True, 0.5]),
    Number(0): ([0, 0.5, np.float32(2)], [-0.1, NAN, INF, True, "1", None, 1j]),
    Number(above=0, below=1): ([0.5], [0, 1, NAN]),
    Number(0, 1): ([0, 1], [1.5, -0.5]),
    Boolean(): ([True, np.bool_(False)], [0, 1, "True", None]),
    OneOf(("a", "b")): (["a"], ["c", None, ["a"], 1]),
    Listed(Number(), 2): ([[1, 2], (0.5, 1)], [[1], "ab", [1, NAN], None]),
    AnyOf((Integer(1), None)): ([1, None], [0, NAN]),
}


@pytest.mark.parametrize("kind", FIT, ids=repr)
def test_a_kind_takes_what_it_says(kind):
    good, bad = FIT[kind]
    assert all(kind.fits(value) for value in good)
    assert not any(kind.fits(value) for value in bad)


def test_single_checks_name_argument_and_value():
    check_count("rows", 0, least=0)
    check_number("rate", 1, most=1.0)
    check_choice("loss", "ls", {"ls": 1})
    with pytest.raises(ValueError, match="`rows`: it must be an integer.*rows=0"):
        check_count("rows", 0)
    with pytest.raises(ValueError, match=r"`rate`: .* in \[0, 1\]. Received: rate=1.5"):
        check_number("rate", 1.5, most=1.0)
    with pytest.raises(ValueError, match="one of 'ls', 'ce'.*Did you mean 'ls'"):
        check_choice("loss", "lls", ("ls", "ce"))


class Method:
    options = Options()

    @checked
    def __init__(self, network, *, loss: Literal["ls", "ce"] = "ls", rows: Count = 5):
        self.given = network, loss, rows

    @classmethod
    @checked
    def from_data(cls, x, y=None, *, seed=None, loss="ls", rows=None, width: Whole = 3):
        return cls(x, **cls.options.given(locals(), {"rows": 5}))

    @checked(hints={"n": "Give labels."})
    def sample(self, labels, seed=None):
        return labels, seed


def test_options_are_read_off_the_signatures():
    assert Method.options == Method(1).options
    assert Method.options == {
        "loss": Option("loss", "ls", OneOf(("ls", "ce"))),
        "rows": Option("rows", None, Integer(1)),
        "width": Option("width", 3, Integer(0)),
    }
    # An editor and `help` see the signature, not that of the decorator.
    assert "width" in inspect.signature(Method.from_data).parameters


def test_options_are_handed_on_by_name():
    def build(data, *, width, loss="ce"):
        """Stands for what builds the networks."""

    values = {"x": 0, "seed": 1, "loss": "ce", "rows": None, "width": 0}
    given = Method.options.given
    assert given(values) == {"loss": "ce", "rows": None}
    assert given(values, {"rows": 2, "loss": "ls"}) == {"loss": "ce", "rows": 2}
    assert given(values, to=build) == {"width": 0, "loss": "ce"}


def test_checked_arguments_are_those_of_the_constructor_too():
    assert Method.from_data("x").given == ("x", "ls", 5)
    assert Method.from_data("x", rows=2).given == ("x", "ls", 2)
    for wrong in (0, True, NAN, "a"):
        with pytest.raises(ValueError, match="Invalid `rows`.*Leave it out"):
            Method.from_data("x", rows=wrong)
        with pytest.raises(ValueError, match="default, 5"):
            Method("x", rows=wrong)
    with pytest.raises(ValueError, match="Did you mean 'ce'"):
        Method.from_data("x", loss="cee")


def test_calls_that_do_not_bind_say_the_way_out():
    with pytest.raises(TypeError, match=r"built already.*Method.from_data\(x, y\)"):
        Method()
    with pytest.raises(TypeError, match="Unknown option 'widht'.*mean 'width'"):
        Method.from_data("x", widht=3)
    with pytest.raises(TypeError, match="Unknown option 'n'.*Give labels."):
        Method(1).sample(n=3)
    with pytest.raises(TypeError, match="`Method.sample`: missing a required argument"):
        Method(1).sample()

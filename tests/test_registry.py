import keras
import numpy as np
import pytest

from kerasos import registry
from kerasos.registry import get_method, list_methods, register_method
from kerasos.suggest import (
    check_count,
    check_number,
    check_options,
    nearest_name,
    unknown_name_message,
)


@pytest.fixture
def empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", {})


def test_registered_class_is_found_by_its_name(empty_registry):
    @register_method("plain")
    class Plain:
        pass

    assert get_method("plain") is Plain
    assert Plain.method_name == "plain"


def test_names_are_listed_in_order(empty_registry):
    for name in ("gamo", "acgan", "cvae"):
        register_method(name)(type(name, (), {}))
    assert list_methods() == ["acgan", "cvae", "gamo"]


def test_unknown_method_names_the_nearest(empty_registry):
    for name in ("cvae", "gamo", "gamo2pix"):
        register_method(name)(type(name, (), {}))
    with pytest.raises(ValueError) as error:
        get_method("gammo")
    assert str(error.value) == (
        "Unknown method 'gammo'. Expected one of: 'cvae', 'gamo', 'gamo2pix'. "
        "Did you mean 'gamo'?"
    )
    for wrong in (None, 3, ["gamo"]):
        with pytest.raises(ValueError, match="Unknown method"):
            get_method(wrong)


def test_empty_registry_says_so(empty_registry):
    with pytest.raises(ValueError, match="There is none to choose from"):
        get_method("gamo")


def test_a_name_is_held_by_one_class(empty_registry):
    register_method("taken")(type("First", (), {}))
    with pytest.raises(ValueError, match="holds that name"):
        register_method("taken")(type("Second", (), {}))


def test_a_reloaded_class_may_register_again(empty_registry):
    register_method("same")(type("Same", (), {}))
    again = register_method("same")(type("Same", (), {}))
    assert get_method("same") is again


def test_models_become_serialisable_and_other_classes_do_not(empty_registry):
    @register_method("model")
    class RegistryModel(keras.Model):
        pass

    @register_method("plain")
    class RegistryPlain:
        pass

    assert keras.saving.get_registered_name(RegistryModel) == "kerasos>RegistryModel"
    assert keras.saving.get_registered_name(RegistryPlain) == "RegistryPlain"


def test_nearest_name_ignores_case_and_gives_up_when_far():
    assert nearest_name("GAMO", ["gamo", "cvae"]) == "gamo"
    assert nearest_name("xyzzy", ["gamo", "cvae"]) is None
    assert "mean" not in unknown_name_message("method", "xyzzy", ["gamo", "cvae"])


def test_unknown_option_names_the_nearest_and_the_place():
    check_options({"epochs": 1}, ["epochs", "latent_dim"], "GAMO.from_data")
    with pytest.raises(TypeError) as error:
        check_options({"epoch": 1}, ["epochs", "latent_dim"], "GAMO.from_data")
    assert str(error.value) == (
        "Unknown option 'epoch' for `GAMO.from_data`. Expected one of: 'epochs', "
        "'latent_dim'. Did you mean 'epochs'?"
    )
    with pytest.raises(TypeError, match="`Plain.from_data` takes no options"):
        check_options(["k"], [], "Plain.from_data")


@pytest.mark.parametrize("value", [0, -1, 2.0, True, None, "3"])
def test_a_count_is_an_integer_of_at_least_one(value):
    check_count("rows", 1)
    check_count("rows", 0, least=0)
    with pytest.raises(ValueError, match="`rows` must be an integer of at least 1."):
        check_count("rows", value)


@pytest.mark.parametrize("value", [-0.1, float("nan"), True, None, "1", 1j])
def test_a_number_is_at_least_zero(value):
    for good in (0, 0.5, np.float32(2.0)):
        check_number("rate", good)
    with pytest.raises(ValueError, match="`rate` must be a number of at least 0."):
        check_number("rate", value)


def test_a_number_has_an_upper_bound_on_request():
    check_number("rate", 1, most=1.0)
    with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\]. .* 1.5"):
        check_number("rate", 1.5, most=1.0)

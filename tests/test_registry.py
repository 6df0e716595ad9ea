import functools
import inspect
import subprocess
import sys

import keras
import pytest

import kerasos
from kerasos import registry
from kerasos.registry import get_method, list_methods, register_method


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


# The names of the package.


@pytest.mark.parametrize(
    "name, words",
    [
        ("Gamo", "Did you mean `kerasos.GAMO`"),
        ("bagan", "Did you mean `kerasos.BAGAN`"),
        ("smote", r"Did you mean `kerasos.get_method\('smote'\)`"),
        ("DeepOversampler", "Did you mean `kerasos.DeepOverSampler`"),
        ("Compare", "Did you mean `kerasos.compare`"),
        ("xyzzy", "no attribute 'xyzzy'.$"),
    ],
)
def test_a_name_that_is_none_suggests_the_nearest(name, words):
    with pytest.raises(AttributeError, match=words):
        getattr(kerasos, name)


def test_every_public_name_is_there_and_listed():
    for name in kerasos.__all__:
        assert getattr(kerasos, name) is not None
    assert set(kerasos.__all__) <= set(dir(kerasos))
    assert kerasos.compare is kerasos.evaluation.compare
    assert kerasos.DeepOverSampler is kerasos.over_sampling.DeepOverSampler
    assert callable(kerasos.callbacks.SampleGrid)


METHODS = """gamo gamo2pix cgan cdcgan acgan cvae bagan infogan imsic dgc activegan dos
    deepsmote two_stage_cvae cwae none random smote augment""".split()


def test_methods_keep_their_names():
    assert set(METHODS) <= set(list_methods())


# What calls by place and by name rest on: the first may gain names, not lose any.
CALLS = {
    "data.load": "name class_counts data_dir seed",
    "data.batches": "x y batch_size balanced shuffle seed",
    "compare": "X y methods classifiers cv *groups objective metrics n_jobs "
    "random_state output_dir verbose",
    "evaluation.quality": "real synthetic holdout",
    "DeepOverSampler": "method *sampling_strategy epochs batch_size method_params "
    "random_state verbose",
    "OversamplingModel.from_data": "x y *seed value_range",
    "OversamplingModel.sample": "self labels seed batch_size verbose",
    "OversamplingModel.oversample": "self x y sampling_strategy seed",
    "OversamplingModel.balanced_dataset": "self x y batch_size",
    "OversamplingModel.export": "self path",
}


@pytest.mark.parametrize("name", CALLS)
def test_public_calls_keep_their_arguments(name):
    call = functools.reduce(getattr, name.split("."), kerasos)
    by_place, _, by_name = CALLS[name].partition(" *")
    parameters = inspect.signature(call).parameters
    places = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert places[: len(by_place.split())] == by_place.split()
    # In the order of the interface, whatever stands between them.
    kept = [n for n in parameters if n in by_name.split()]
    assert kept == by_name.split()
    assert all(parameters[n].kind is inspect.Parameter.KEYWORD_ONLY for n in kept)


def test_a_fresh_process_reaches_them_after_one_import():
    code = (
        "import kerasos; kerasos.compare, kerasos.DeepOverSampler, kerasos.callbacks; "
        "kerasos.evaluation.fid, kerasos.losses, kerasos.metrics.acsa; "
        "import keras; assert keras.saving.get_registered_object('kerasos>LDAM')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

"""Every registered method, now or later, is held to the same promises: entries, sizes.

What a method must tell these tests is in `contract_cases.py`.
"""

import keras
import numpy as np
import pytest
from contract_cases import CASES, PINS, variables_at
from contract_runs import NETWORKS, each_case

import kerasos


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_every_method_has_its_entries(name):
    cases = [case for case in CASES if case.method == name]
    assert cases, (
        f"The method {name!r} is registered but nothing checks it. Add a table "
        f"[{name}.<variant>] with `full = true` to tests/contract_cases.toml."
    )
    assert any(case.full for case in cases), (
        f"No case of {name!r} is checked in full. Give `full = true` to one in "
        "tests/contract_cases.toml."
    )
    if cases[0].has_network:
        assert any(pin.method == name for pin in PINS), (
            f"The networks of {name!r} have no pinned sizes. Add a "
            f'`Pin("{name}", <variant>, ...)` to PINS in tests/contract_cases.py, '
            "with the parameters of each network for the shapes of its paper."
        )
        assert sum(case.jit for case in cases) == 1, (
            f"One case of {name!r} must have `jit = true` in the table."
        )
        assert all(case.losses for case in cases), (
            f"The cases of {name!r} must name the losses in the history."
        )


def test_every_entry_is_a_registered_method():
    assert {case.method for case in CASES} == set(kerasos.list_methods())
    assert {pin.method for pin in PINS} == {case.method for case in NETWORKS}
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.id)
def test_networks_have_the_size_of_the_paper(pin):
    model = pin.build()
    found, seen = {}, []
    for paths in pin.networks:
        variables = variables_at(model, paths)
        found[paths] = sum(int(np.prod(v.shape)) for v in variables)
        seen += [id(v) for v in variables]
    assert found == pin.networks
    # Nothing trainable is left out and nothing is counted twice.
    assert sorted(seen) == sorted(id(v) for v in model.trainable_variables)


@each_case
def test_capability_flags_tell_what_the_method_can_do(case):
    method = case.build()
    assert method.method_name == case.method
    assert isinstance(method, kerasos.get_method(case.method))
    assert isinstance(method.produces_samples, bool)
    if not case.has_network:
        assert not method.trains_classifier and not method.produces_samples
        return
    assert method.produces_samples is not case.makes_features
    if method.trains_classifier:
        assert isinstance(method.classifier, keras.Model)
    else:
        assert method.classifier is None


@each_case
def test_it_prints_on_few_lines_and_its_summary_knows_every_shape(case):
    method = case.build()
    text = repr(method)
    assert text.startswith(f"{type(method).__name__}(shape=")
    lines = text.splitlines()
    assert len(lines) <= 4 and max(map(len, lines)) <= 88
    if case.has_network:
        told = []
        method.summary(print_fn=lambda text, **_: told.append(text))
        assert "Total params" in told[0] and "?" not in told[0]

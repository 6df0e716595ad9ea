"""A method from outside of the package keeps the promises of those inside.

The tests are those of the other files, with the case of `examples/wgan_gp.py`.
"""

import pathlib

import pytest
import script_module
import test_contract_export
import test_contract_oversampling
import test_contract_sampling
import test_contract_saving
import test_contract_training
from contract_cases import CASES, Case, rows

pytestmark = pytest.mark.slow(reason="the whole contract for one more method")
EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "wgan_gp.py"
OUTSIDE = Case(
    "wgan_gp",
    "rows",
    {"n_critic": 2},
    rows,
    losses=("d_loss", "g_loss", "gradient_penalty"),
    full=True,
    jit=True,
    option=("n_critic", "n_critics"),
    step_size=0.05,
)
FILES = (
    test_contract_training,
    test_contract_saving,
    test_contract_sampling,
    test_contract_oversampling,
    test_contract_export,
)
LIKE_IT = {
    case.id
    for case in CASES
    if case.full and case.jit and case.data is rows and not case.makes_features
}


def held_to():
    """Yields the tests that run for all cases like this one."""
    for file in FILES:
        for name, test in vars(file).items():
            marks = getattr(test, "pytestmark", [])
            cases = [mark.args[1] for mark in marks if mark.args[:1] == ("case",)]
            if cases and {case.id for case in cases[0]} >= LIKE_IT:
                first = {
                    mark.args[0]: mark.args[1][0]
                    for mark in marks
                    if mark.name == "parametrize" and mark.args[0] != "case"
                }
                yield pytest.param(OUTSIDE, test, first, id=name)


@pytest.fixture(scope="module", autouse=True)
def example():
    with script_module.registered(EXAMPLE) as module:
        yield module


@pytest.mark.parametrize(("case", "test", "others"), list(held_to()))
def test_it_holds(case, test, others, request):
    code = test.__code__
    names = code.co_varnames[: code.co_argcount]
    given = {"case": case, **others}
    for name in names:
        if name not in given:
            given[name] = request.getfixturevalue(name)
    test(**given)


def test_these_are_the_promises():
    names = {param.id for param in held_to()}
    assert len(names) >= 20
    assert names >= {
        "test_fit_trains_every_network_and_logs_every_loss",
        "test_each_step_moves_its_own_network_only",
        "test_two_replicas_train_as_one_device",
        "test_xla_gives_the_same_weights",
        "test_a_saved_model_comes_back_whole",
        "test_a_resumed_run_equals_an_unbroken_one",
        "test_a_run_that_crashed_goes_on_as_if_it_had_not",
        "test_served_samples_are_those_of_the_model",
        "test_oversample_keeps_the_originals_and_adds_what_is_asked",
    }

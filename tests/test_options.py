"""Every option of every method, walked through values that make no sense.

A value is refused in words before anything is built, or it is legal and the model is
built; no option fails in a line that does not know its name.
"""

import inspect

import numpy as np
import pytest
from contract_cases import CASES

import kerasos

VALUES = (0, -1, float("nan"), True, "a")
# The smallest case of a method stands for all.
CASE_OF = {case.method: case for case in CASES if case.full}
WALK = [(name, option) for name in CASE_OF for option in CASE_OF[name].cls.options]


@pytest.mark.parametrize("name, option", WALK, ids=lambda part: part)
def test_a_value_is_legal_or_refused_in_words(name, option):
    case = CASE_OF[name]
    kind = case.cls.options[option].check
    for value in VALUES:
        try:
            case.build(**{option: value})
        except (TypeError, ValueError) as error:
            text = str(error)
            assert f"`{option}`" in text and "Received" in text, (value, text)
            assert repr(value) in text or str(value) in text, (value, text)
        else:
            assert kind is None or kind.fits(value), value
            assert not isinstance(value, float) or not np.isnan(value), value


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_defaults_of_from_data_are_those_of_the_constructor(name):
    cls = kerasos.get_method(name)
    parameters = {}
    for part in reversed(cls.__mro__):
        if "__init__" in vars(part):
            parameters.update(inspect.signature(part.__init__).parameters)
    shared = cls.options.keys() & parameters.keys()
    for name in shared:
        default, own = cls.options[name].default, parameters[name].default
        # None stands for what the data or other options decide; and a network that
        # the constructor must be given is an option's name in `from_data`.
        if default is not None and own is not inspect.Parameter.empty:
            assert default == own, name

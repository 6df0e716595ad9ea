"""`derive_seed` must not depend on the process, the platform or Keras's own seed."""

import importlib.util
import subprocess
import sys

import numpy as np

from kerasos.randomness import seeds


def test_seeds_are_equal_for_equal_arguments_and_differ_otherwise():
    assert seeds.derive_seed(3, "noise", 1) == seeds.derive_seed(3, "noise", 1)
    others = {
        seeds.derive_seed(*arguments)
        for arguments in [(3,), (3, "noise"), (3, "noise", 2), (4, "noise", 1)]
    }
    assert len(others) == 4
    assert seeds.derive_seed(3, "noise", 1) not in others


def test_seeds_spread_evenly_over_31_bits():
    drawn = np.array([seeds.derive_seed(0, "stream", k) for k in range(4000)])
    assert drawn.min() >= 0 and drawn.max() < 2**31
    assert len(set(drawn.tolist())) == 4000  # a collision has probability 0.004
    # Sixteen bins of 250 expected: 6 standard deviations either way.
    counts = np.histogram(drawn, bins=16, range=(0, 2**31))[0]
    assert np.all(np.abs(counts - 250) < 6 * np.sqrt(250))


def test_numpy_and_python_integers_give_the_same_seed():
    assert seeds.derive_seed(np.int64(7), "x") == seeds.derive_seed(7, "x")


def test_another_process_with_another_hash_seed_derives_the_same():
    path = importlib.util.find_spec("kerasos.randomness.seeds").origin
    code = (
        "import runpy, sys; derive = runpy.run_path(sys.argv[1])['derive_seed'];"
        "print(derive(5, 'trunk', 2))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env={"PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == seeds.derive_seed(5, "trunk", 2)


def test_fresh_seeds_are_new_and_in_range():
    drawn = {seeds.fresh_seed() for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 <= seed < 2**31 for seed in drawn)

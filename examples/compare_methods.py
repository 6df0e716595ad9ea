"""Whether rebalancing helps on your table, and which way of it.

    python examples/compare_methods.py --input=customers.csv --target=churned

is `kerasos compare customers.csv --target=churned`, whose work and words are in
`kerasos/command/compare.py`: it writes a report, and the model to ship, to
`comparison/`. Without `--input` it takes scikit-learn's breast cancer data.
"""

from absl import app, flags

from kerasos.command import compare
from kerasos.command.main import one_line

compare.define(flags.FLAGS)
flags.adopt_module_key_flags(compare)


def main(_):
    with one_line("compare_methods"):
        compare.run(flags.FLAGS)


if __name__ == "__main__":
    app.run(main)

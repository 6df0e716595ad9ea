"""Whether rebalancing helps on your table, and which way of it.

    python examples/compare_methods.py --input=customers.csv --target=churned

writes `comparison/report.html` (opens without a network), `report.md`, `rows.csv` and
`model.joblib`, what the verdict recommends, trained on all rows, and prints the
verdict. `joblib.load("comparison/model.joblib").predict(frame)` takes frames with the
same columns. Without `--input` it takes scikit-learn's breast cancer data with 30 of
the malignant cases. A run that was stopped goes on where it was, if started with the
same flags. It is `kerasos compare`; the work is in `kerasos/command/compare.py`.
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

"""Balances the classes of a CSV file with generated rows.

    python examples/balance_csv.py --input=customers.csv --target=churned

writes `customers_balanced.csv`: the rows of the file, then generated ones that are
spelt as the file spells its own, with a column `is_synthetic` behind them; and
`customers_balanced.md`, a report that says what is wrong with the generated rows
(`kerasos.evaluation.quality`) and puts each column's distribution in them beside that
of the real rows of the same class. The input is never written to.

Train on the result, and test on rows that were never in the input: split first, then
balance the training part. Files with semicolons and decimal commas: `--separator=";"
--decimal=","`. It is `kerasos balance`; the work is in `kerasos/command/balance.py`.
"""

from absl import app, flags

from kerasos.command import balance
from kerasos.command.main import one_line

balance.define(flags.FLAGS)
flags.adopt_module_key_flags(balance)
flags.mark_flag_as_required("input")


def main(_):
    with one_line("balance_csv"):
        balance.run(flags.FLAGS)


if __name__ == "__main__":
    app.run(main)

"""Balances the classes of a CSV file with generated rows.

    python examples/balance_csv.py --input=customers.csv --target=churned

is `kerasos balance customers.csv --target=churned`, whose work and words are in
`kerasos/command/balance.py`: it writes `customers_balanced.csv` and a report.
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

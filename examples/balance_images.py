"""Balances the classes of a folder of pictures with generated ones.

    python examples/balance_images.py --folder=defects --output=defects_generated

is `kerasos balance-images defects --output=defects_generated`, whose work and words are
in `kerasos/command/balance_images.py`. Without `--folder` the pictures are drawn.
"""

from absl import app, flags

from kerasos.command import balance_images
from kerasos.command.main import one_line

balance_images.define(flags.FLAGS)
flags.adopt_module_key_flags(balance_images)


def main(_):
    with one_line("balance_images"):
        balance_images.run(flags.FLAGS)


if __name__ == "__main__":
    app.run(main)

"""Balances the classes of a folder of pictures with generated ones.

    python examples/balance_images.py --folder=defects --output=defects_generated

reads `defects/crack/*.png` and so on, one folder a class, trains a method on them and
writes to the output folder, which must not be there yet:

- `crack/generated_0001.png` and so on, as many as each class lacks to the largest;
- `index.csv`: file, class, method and seed of each;
- `samples.png`: real pictures of each class beside generated ones. Look at it first.

Without `--folder` the pictures are drawn (`kerasos.data.defects`). Train on both
folders, and test on pictures that were in neither: split first, then balance the
training part. A run that was killed goes on with `--resume`. It is `kerasos
balance-images`; the work is in `kerasos/command/balance_images.py`.
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

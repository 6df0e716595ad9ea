"""How a cell is run: one module for each kind of experiment.

Each function takes the cell at work (`harness.recipes.common.Work`), goes on where a
killed run stopped, and returns the cell's scores by name and the number of training
steps behind them.
"""

from harness.recipes.activegan import activegan
from harness.recipes.class_fid import class_fid
from harness.recipes.common import Work
from harness.recipes.dgc import dgc
from harness.recipes.fajardo import fajardo
from harness.recipes.gamo import gamo
from harness.recipes.generator import generator
from harness.recipes.imsic import imsic

RECIPES = {
    recipe.__name__: recipe
    for recipe in (activegan, class_fid, dgc, fajardo, gamo, generator, imsic)
}


def run(cell, data_dir, folder):
    """Returns the scores by name and the steps of a cell, run in `folder`."""
    return RECIPES[cell.protocol.recipe](Work(cell, data_dir, folder))

"""How a cell is run: one module for each kind of experiment.

Each function takes the cell, the folder of prepared data and the cell's own folder,
goes on where a killed run stopped, and returns its scores by name and the number of
training steps behind them.
"""

from harness.recipes.activegan import activegan
from harness.recipes.class_fid import class_fid
from harness.recipes.dgc import dgc
from harness.recipes.fajardo import fajardo
from harness.recipes.gamo import gamo
from harness.recipes.generator import generator
from harness.recipes.imsic import imsic

RECIPES = {
    "activegan": activegan,
    "class_fid": class_fid,
    "dgc": dgc,
    "fajardo": fajardo,
    "gamo": gamo,
    "generator": generator,
    "imsic": imsic,
}

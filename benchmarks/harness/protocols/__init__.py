"""The experiments of the papers as data, a module for each paper.

A `Protocol` is one data set under one setting. Its `recipe` names the function of
`harness.recipes` that runs a cell and returns scores by name; `outputs` says which
published row (table, setting, metric) a score belongs to. A method that kerasos does
not have yet is listed all the same: it runs as soon as it is registered.
"""

from harness.protocols.activegan import ACTIVE
from harness.protocols.base import Method, Protocol
from harness.protocols.dgc import DGC
from harness.protocols.fajardo import FAJARDO
from harness.protocols.gamo import GAMO
from harness.protocols.generators import OURS
from harness.protocols.imsic import IMSIC
from harness.protocols.trial import TRIAL

PROTOCOLS = (*GAMO, *IMSIC, *FAJARDO, *ACTIVE, *DGC, *OURS, *TRIAL)

__all__ = ["FAJARDO", "PROTOCOLS", "TRIAL", "Method", "Protocol"]

"""What is behind `kerasos.evaluation.compare`, the function.

The function has the name of this package, so `kerasos.evaluation` binds it last: its
attribute `compare` is the function, whichever module was imported first, and modules
are reached by `from kerasos.evaluation.compare.significance import holm`.
"""

from kerasos.evaluation.compare.plan import compare

__all__ = ["compare"]

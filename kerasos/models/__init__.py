"""The methods, one file each."""

from kerasos.models.base import OversamplingModel
from kerasos.models.gamo import GAMO

__all__ = ["GAMO", "OversamplingModel"]

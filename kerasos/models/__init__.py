"""The methods, one file each."""

from kerasos.models.acgan import ACGAN
from kerasos.models.bagan import BAGAN
from kerasos.models.base import OversamplingModel
from kerasos.models.cgan import CDCGAN, CGAN
from kerasos.models.cvae import CVAE
from kerasos.models.cwae import ConditionalWAE
from kerasos.models.deepsmote import DeepSMOTE
from kerasos.models.gamo import GAMO
from kerasos.models.two_stage_cvae import TwoStageCVAE

__all__ = [
    "ACGAN",
    "BAGAN",
    "CDCGAN",
    "CGAN",
    "CVAE",
    "ConditionalWAE",
    "DeepSMOTE",
    "GAMO",
    "OversamplingModel",
    "TwoStageCVAE",
]

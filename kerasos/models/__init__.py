"""The methods, one file each."""

from kerasos.models.acgan import ACGAN
from kerasos.models.activegan import ActiveGAN
from kerasos.models.bagan import BAGAN
from kerasos.models.base import OversamplingModel
from kerasos.models.cgan import CDCGAN, CGAN
from kerasos.models.cvae import CVAE
from kerasos.models.cwae import ConditionalWAE
from kerasos.models.deepsmote import DeepSMOTE
from kerasos.models.dgc import DGC
from kerasos.models.dos import DOS
from kerasos.models.gamo import GAMO
from kerasos.models.gamo2pix import GAMO2pix
from kerasos.models.imsic import IMSIC
from kerasos.models.infogan import InfoGAN
from kerasos.models.two_stage_cvae import TwoStageCVAE

__all__ = [
    "ACGAN",
    "ActiveGAN",
    "BAGAN",
    "CDCGAN",
    "CGAN",
    "CVAE",
    "ConditionalWAE",
    "DGC",
    "DOS",
    "DeepSMOTE",
    "GAMO",
    "GAMO2pix",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
    "TwoStageCVAE",
]

"""The methods, one file each."""

from kerasos.models.acgan import ACGAN
from kerasos.models.bagan import BAGAN
from kerasos.models.base import OversamplingModel
from kerasos.models.cgan import CDCGAN, CGAN
from kerasos.models.cvae import CVAE
from kerasos.models.gamo import GAMO
from kerasos.models.imsic import IMSIC
from kerasos.models.infogan import InfoGAN

__all__ = [
    "ACGAN",
    "BAGAN",
    "CDCGAN",
    "CGAN",
    "CVAE",
    "GAMO",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
]

"""The methods, a chapter (folder) each; what all share is beside them."""

from kerasos.methods.acgan.acgan import ACGAN
from kerasos.methods.activegan.activegan import ActiveGAN
from kerasos.methods.bagan.bagan import BAGAN
from kerasos.methods.base import OversamplingModel
from kerasos.methods.cgan.cgan import CDCGAN, CGAN
from kerasos.methods.cvae.cvae import CVAE
from kerasos.methods.cwae.cwae import ConditionalWAE
from kerasos.methods.deepsmote.deepsmote import DeepSMOTE
from kerasos.methods.dgc.dgc import DGC
from kerasos.methods.dos.dos import DOS
from kerasos.methods.flow.flow import FlowMatching
from kerasos.methods.gamo.gamo import GAMO
from kerasos.methods.gamo.gamo2pix import GAMO2pix
from kerasos.methods.infogan.imsic import IMSIC
from kerasos.methods.infogan.infogan import InfoGAN
from kerasos.methods.two_stage_cvae.two_stage_cvae import TwoStageCVAE

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
    "FlowMatching",
    "GAMO",
    "GAMO2pix",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
    "TwoStageCVAE",
]

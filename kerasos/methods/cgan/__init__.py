"""CGAN and cDCGAN: the discriminator sees the label as well."""

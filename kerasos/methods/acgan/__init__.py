"""AC-GAN: a GAN whose discriminator also tells the class."""

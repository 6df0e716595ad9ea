"""BAGAN: a GAN that starts from an autoencoder, with a Gaussian a class."""

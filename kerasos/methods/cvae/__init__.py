"""CVAE: a variational autoencoder whose both halves know the label."""

"""Two-stage CVAE: a second autoencoder of the first one's latents."""

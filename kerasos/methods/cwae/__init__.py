"""cWAE: a Wasserstein autoencoder that matches each class to the prior."""

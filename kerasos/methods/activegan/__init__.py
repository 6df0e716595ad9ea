"""ActiveGAN: an AC-GAN rewarded for samples that a classifier finds hard."""

"""InfoGAN, a GAN with codes, and IMSIC, whose codes follow a graph."""

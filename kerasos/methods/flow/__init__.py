"""Flow matching: samples from noise along the velocity field of one network."""

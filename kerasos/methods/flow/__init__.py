"""Flow matching: rows from noise along the velocity field of one network."""

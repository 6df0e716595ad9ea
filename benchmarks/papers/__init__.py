"""What serves the protocols of the papers alone."""

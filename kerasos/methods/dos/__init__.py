"""DOS: a classifier that draws small classes together."""

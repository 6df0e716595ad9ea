"""GAMO, a convex generator against a classifier, and GAMO2pix, its images."""

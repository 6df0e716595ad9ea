"""Losses as pure functions: logits and targets in, one value a sample out."""

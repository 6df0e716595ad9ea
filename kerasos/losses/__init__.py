"""Losses as pure functions, one value a sample out; of codes, one a batch."""

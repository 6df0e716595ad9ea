"""Whether codes stand for single factors, and depend on each other as drawn."""

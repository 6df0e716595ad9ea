"""Network builders. No losses and no training here."""

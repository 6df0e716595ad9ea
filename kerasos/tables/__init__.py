"""Tables of any columns to matrices and back."""

"""What two or three families of methods share."""

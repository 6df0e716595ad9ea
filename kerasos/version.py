"""The version, for setup.py and for cards."""

__version__ = "0.1.0"

"""DGC: a deep generative classifier that balances among its latents."""

"""Seeds, draws and replicas: noise that is the same after a restart and on devices."""

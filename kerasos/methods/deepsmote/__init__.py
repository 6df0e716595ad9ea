"""DeepSMOTE: SMOTE between the latents of an autoencoder."""

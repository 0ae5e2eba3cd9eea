"""Search in the latent space of an embedding."""

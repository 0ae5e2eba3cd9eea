"""The training of an embedding."""

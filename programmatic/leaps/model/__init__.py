"""The networks of an embedding, their grammar, and files of weights."""

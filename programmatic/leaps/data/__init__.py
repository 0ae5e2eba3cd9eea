"""The data set of an embedding: programs and their demonstrations."""

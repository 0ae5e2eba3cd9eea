"""The smallest change of a tree program after which it keeps its constraints."""

"""Means, intervals, curves and published numbers."""

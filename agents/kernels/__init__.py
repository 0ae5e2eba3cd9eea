"""Policies of percepts that run in compiled kernels."""

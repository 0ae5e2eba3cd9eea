"""Compiled simulation: kernels, random numbers, devices, and the arrays of running episodes."""

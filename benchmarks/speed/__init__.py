"""Rates: how fast the machine, the envs and the agents are."""

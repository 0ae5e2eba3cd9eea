"""Policies that choose options or programs: HRL and HPRL."""

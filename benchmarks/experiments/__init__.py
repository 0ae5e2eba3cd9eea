"""The experiments of `karel-gym benchmark`."""

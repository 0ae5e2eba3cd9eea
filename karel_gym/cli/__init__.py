"""The console script `karel-gym`."""

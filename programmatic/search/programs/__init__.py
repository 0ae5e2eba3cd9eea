"""Search in the space of programs: hill climbing and its kernels."""

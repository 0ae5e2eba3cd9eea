"""Tree programs: decision trees over named features."""

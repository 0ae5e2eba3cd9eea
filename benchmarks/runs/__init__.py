"""Planned runs, the workers that execute them, and the files of their results."""

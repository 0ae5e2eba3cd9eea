"""The language of constraints on a policy."""

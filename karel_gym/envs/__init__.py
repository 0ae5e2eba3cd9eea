"""The Gymnasium envs, single and vectorized, what they observe, and their adapters."""

"""The five tasks of Karel-Long (HIPO, NeurIPS 2024): long, repetitive, with a cost per action."""

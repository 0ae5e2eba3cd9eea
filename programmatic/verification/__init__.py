"""Proofs and counterexamples: z3, and interval arithmetic over boxes of states."""

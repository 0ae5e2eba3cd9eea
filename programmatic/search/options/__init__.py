"""Search for options: programs that a policy runs one after another."""

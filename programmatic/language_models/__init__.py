"""Programs that language models propose: prompts, and questions to an endpoint."""

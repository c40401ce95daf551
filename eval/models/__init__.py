"""Who answers: a checkpoint through transformers, vLLM without a server, or any OpenAI-compatible endpoint."""

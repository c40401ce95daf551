"""What answers: transformers here, or servers elsewhere."""

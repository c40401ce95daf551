"""Answers by vLLM during training, and the proof that they come from the model that is trained."""

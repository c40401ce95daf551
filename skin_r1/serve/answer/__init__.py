"""From what the model said to the answer a person reads."""

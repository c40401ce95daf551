"""The model that a run starts from, and which of its parameters train at which rate."""

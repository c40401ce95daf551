"""Serve a model: one process, one gateway, an engine behind it. Research use only."""

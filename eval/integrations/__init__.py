"""Doors to other programs: an inspect_ai task, a task folder for lmms-eval, and predictions as a `datasets` dataset."""

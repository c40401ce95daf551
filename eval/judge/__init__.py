"""Judges of rationales: six axes, rubrics and pairs; by a language model behind an endpoint, or by rules for tests."""

"""Procedural lesions with known findings: the embedded default corpus, drawn by code and reproducible from a seed."""

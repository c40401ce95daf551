"""Distillation: densely annotated cases -> grounded rationales, each verified before it is kept."""

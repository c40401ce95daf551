"""A run of distillation to look at: `page` writes its report, `card` its dataset card, both from the same facts."""

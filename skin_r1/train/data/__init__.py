"""What a model is trained on: which rows, how long, how hard, and what a critic sees in them."""

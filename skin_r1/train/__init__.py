"""Training: supervised fine-tuning on rationales, then GRPO on sparsely labelled cases, on TRL's trainers."""

"""What a person watches while GRPO runs: alarms, metrics of groups, completions."""

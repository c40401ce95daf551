"""`skin-r1 plan`: memory, disk and time of a recipe on given GPUs, from its configuration alone."""

"""What a lesion looks like, measured from its image and its mask."""

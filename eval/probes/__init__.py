"""Does what a model says follow the image? Changed cases, and statistics on what the changes did to the answers."""

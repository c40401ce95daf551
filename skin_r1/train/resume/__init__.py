"""A killed run goes on to the bit."""

"""The addresses that the gateway answers."""

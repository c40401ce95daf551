"""Which diagnoses are confused with which, and by which findings they are told apart."""

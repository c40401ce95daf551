"""What comes in: requests and pictures, checked and cleaned."""

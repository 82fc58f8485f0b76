"""What nginx passes on to apps."""

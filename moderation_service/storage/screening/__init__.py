"""What screening keeps: what it learned, and what it is to learn."""

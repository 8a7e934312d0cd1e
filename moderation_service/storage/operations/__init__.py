"""What operators ask of the whole database."""

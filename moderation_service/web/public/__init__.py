"""What visitors and readers may ask."""

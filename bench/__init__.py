"""Figures as ratios to a limit that is measured beside them: `make bench`."""

"""Comments of other systems: what is read of them, and how it becomes ours."""

"""What is weighed before a person looks."""

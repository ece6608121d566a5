"""What is kept: traces, and where results come from."""

"""What often goes wrong in prompts: rules as data, the functions that look for it, and measured effects."""

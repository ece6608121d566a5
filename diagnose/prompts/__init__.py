"""The prompt as phrases, and the prompt without one."""

"""What a folder or Hub id holds, and the refusal of what does not belong together, before anything is built."""

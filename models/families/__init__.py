"""Model families: what can be played and looked into. Each is a file or a folder of its own."""

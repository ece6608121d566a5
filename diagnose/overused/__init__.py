"""Material that comes again in many takes: by their symbols, by the sound alone, and against files that a user owns."""

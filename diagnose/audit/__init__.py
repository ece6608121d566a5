"""What an audit asks a generator, what it measures in the answers, and what follows: numbers in, findings out."""

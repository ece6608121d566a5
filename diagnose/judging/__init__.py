"""What was asked, what was heard, whose mistake it is."""

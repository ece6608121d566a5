"""What pages are made of: the frame around them, its theme, and what several of them use."""

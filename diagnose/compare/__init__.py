"""Two models, or two folders of takes, compared: what is heard, what units do, and which place carries the change."""

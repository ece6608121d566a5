"""Audio that was made elsewhere: heard, compared with what was asked, and put to a model that can be looked into."""

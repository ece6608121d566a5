"""Statistics of what is heard where genres are asked for: counts in, intervals and tests out."""

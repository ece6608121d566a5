"""The confusion report: takes of many genres, played, counted, explained."""

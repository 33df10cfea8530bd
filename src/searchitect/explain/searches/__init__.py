"""What a search learned: which decisions matter, which rules hold, and how the search went. No torch."""

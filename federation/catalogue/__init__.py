"""The reading side: one thing in any format, the search of projects, SPARQL. Never writes to the store."""

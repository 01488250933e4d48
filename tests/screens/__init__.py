"""Pictures of every page in three widths, two themes and two languages, and what is wrong with their layout."""

"""Battery test protocols: recipes, cells, and the programs they resolve to."""

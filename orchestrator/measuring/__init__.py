"""A cell's visit to the potentiostat between two cycling segments."""

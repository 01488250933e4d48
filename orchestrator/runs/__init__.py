"""One run, from the request to its stored end."""

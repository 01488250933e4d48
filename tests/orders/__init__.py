"""Random orders of three people on eight channels, checked against the simulated tester and a book of who did what."""

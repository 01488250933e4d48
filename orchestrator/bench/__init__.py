"""The instruments of one bench: the bench file, and opening the instruments that it names."""

"""What instruments stand here: the bench file, and opening what it names."""

"""Numbers from stored samples."""

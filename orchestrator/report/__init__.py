"""Pictures and pages for people, made from stored samples."""

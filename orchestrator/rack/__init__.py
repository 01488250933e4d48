"""All runs of all testers: the service, its supervisors, and what commands start."""

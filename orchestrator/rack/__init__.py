"""All runs of all testers: the service, its supervisors, and the functions behind the commands."""

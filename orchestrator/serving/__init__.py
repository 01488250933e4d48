"""The two processes of ``cellrig serve``, and the parent that starts them and starts each again when it dies."""

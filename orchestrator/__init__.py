"""Runs programs on instruments, guards them, keeps every record, and shows them to people."""

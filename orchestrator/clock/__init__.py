"""Time: the event loop's, virtual or scaled, and the one source of wall time."""

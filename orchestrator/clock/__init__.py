"""Time: the event loop's time, virtual or scaled, and the only source of wall time."""

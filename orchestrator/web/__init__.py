"""The web process: it answers clients out of the store, passes live state on, and hands orders to control."""

"""The service's interface for clients: REST and live values over HTTP, for one operator with a token."""

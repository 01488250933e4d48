"""What clients see of the service: REST and live values over HTTP, for one operator with a token, on this machine."""

"""The dialects of SCPI in which the simulated source meters are spoken to."""

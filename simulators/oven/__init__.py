"""A simulated oven with a temperature controller that speaks Modbus."""

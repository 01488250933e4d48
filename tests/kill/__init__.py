"""The kill matrix: a real service killed with SIGKILL at named points and random times, restarted, and checked."""

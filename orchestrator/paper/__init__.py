"""The paper's whole experimental section on the simulated bench, and one page with its numbers beside ours."""

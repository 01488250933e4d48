"""People who use the rig: who they are, what they may do, and what they did."""

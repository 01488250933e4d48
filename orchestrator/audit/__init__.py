"""Audits a rack that the vendor's own program drives, by reading alone (docs/audit.md)."""

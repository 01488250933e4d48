"""Neware CT-4008 through the XML API of its BTS client."""

from drivers.neware.client import NewareClient, tcp
from drivers.neware.tester import NewareTester

__all__ = ["NewareClient", "NewareTester", "tcp"]

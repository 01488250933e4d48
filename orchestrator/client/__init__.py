"""The client of the service: its address, its proof, and its answers, for the command line and for programs."""

from orchestrator.client.errors import AnswerLost, CannotAsk, NoAnswer, NotServed, RequestRefused
from orchestrator.client.service_client import DEFAULT_URL, ServiceClient

__all__ = [
    "DEFAULT_URL",
    "AnswerLost",
    "CannotAsk",
    "NoAnswer",
    "NotServed",
    "RequestRefused",
    "ServiceClient",
]

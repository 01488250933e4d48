"""The address at which a service answers: who may be answered there, and the socket that listens.

Nothing of HTTP is imported: the parent of the service's processes holds the socket, and stays small.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import sys

from drivers.errors import SettingsError
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.people.private_file import must_be_private

# What the system keeps of an answer that is not read, for each connection.
_SENT_AHEAD = 256 * 1024


def reserved(settings: ServiceSettings) -> socket.socket:
    """Listen at the service's address, before anything is made that a refusal would leave behind.

    Raises SettingsError for an address that is taken, or that other machines reach without TLS, and for a certificate
    or a key that cannot be used.
    """
    check_exposure(settings)
    if settings.tls_certificate is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
        except OSError as err:
            raise SettingsError(f"[service] tls_certificate and tls_key cannot be used: {err.strerror or err}") from err
    return listen(settings)


def check_exposure(settings: ServiceSettings) -> None:
    """Refuse to answer other machines without TLS and a separate token file. Raises SettingsError."""
    try:
        local = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        local = settings.host == "localhost"
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingsError("TLS needs both tls_certificate and tls_key")
    if settings.tls_key is not None:
        try:
            # The group may read it: many systems have one for keys.
            must_be_private(settings.tls_key, 0o037)
        except OSError as err:
            raise SettingsError(f"[service] tls_key cannot be read: {err.strerror}") from err
    if not local and (settings.tls_key is None or settings.token_file is None):
        raise SettingsError(
            f"the service answers this machine only: {settings.host} needs tls_certificate, tls_key and token_file "
            "under [service] in the bench file; see docs/operate.md"
        )


def listen(settings: ServiceSettings) -> socket.socket:
    """Listen at the address of the settings. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD)
    try:
        listening.bind((settings.host, settings.port))
        # Who is told the address may connect at once: the system keeps him waiting until HTTP is up.
        listening.listen()
    except OSError as err:
        listening.close()
        raise SettingsError(f"cannot listen at {settings.host}:{settings.port}: {err.strerror}; try --port") from err
    return listening


def url_of(settings: ServiceSettings, listening: socket.socket) -> str:
    """Return the address that clients are told."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"

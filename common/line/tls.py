"""TLS of both ends, from files in PEM."""

import ssl
from pathlib import Path

from common.line.faults import LineError


def server_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """From a certificate, with those that vouch for it behind it, and its key; None without both. Raises LineError."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise LineError("--certificate FILE and --key FILE: give both, or neither")
    _look("--certificate", certificate)
    _look("--key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        why = getattr(error, "reason", None) or str(error)
        raise LineError(
            f"--certificate {certificate}, --key {key}: not a certificate in PEM and its key without a password ({why})"
        ) from None
    return context


def client_tls(authority: Path | None, flag: str = "--ca") -> ssl.SSLContext:
    """Trusts the certificates of a file, or with None those that this system trusts. Raises LineError."""
    if authority is not None:
        _look(flag, authority)
    try:
        context = ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, ValueError, OSError):
        raise LineError(
            f"{flag} {authority}: no certificates in PEM; give those that the server's is vouched for by"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _look(flag: str, path: Path) -> None:
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise LineError(f"{flag} {path}: cannot be read ({error.strerror}); give a file in PEM") from None

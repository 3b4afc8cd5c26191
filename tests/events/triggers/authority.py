"""Certificates of an authority made for a test: a server that wants one of its clients, and the
Secret `tls` that holds what a client needs."""

from __future__ import annotations

import ssl

import trustme

from tests.events.triggers.firing import selector

TRUST = {"caCertSecret": selector("tls", "ca")}
CERTIFICATE = {
    "clientCertSecret": selector("tls", "cert"),
    "clientKeySecret": selector("tls", "key"),
}


def demanding(authority: trustme.CA) -> ssl.SSLContext:
    """A server named localhost that talks to clients of this authority only."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(made)
    authority.configure_trust(made)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def held(authority: trustme.CA) -> dict[str, dict[str, str]]:
    """The Secret."""
    client = authority.issue_cert("client")
    return {
        "tls": {
            "ca": authority.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }

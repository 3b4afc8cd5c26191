"""The server's own certificate authority, its certificate, the token, and the kubeconfig.

Made once for a data folder and kept (0600). The certificate is for loopback names only.
"""

from __future__ import annotations

import base64
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

YEARS = timedelta(days=3650)
NAMES = ("localhost", "kubernetes", "kubernetes.default.svc")
ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Identity:
    """Files of the server's identity, and the admin's token."""

    ca: Path
    certificate: Path
    key: Path
    token: str


def identity(folder: Path) -> Identity:
    """Load the identity in `folder`, or make it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = Identity(
        folder / "ca.crt", folder / "server.crt", folder / "server.key", _token(folder / "token")
    )
    if not all(path.exists() for path in (found.ca, found.certificate, found.key)):
        _make(found)
    return found


def _token(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


def _make(wanted: Identity) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    sha256 = hashes.SHA256()
    authority = _authority(authority_key).sign(authority_key, sha256)
    certificate = _server(key, authority_key, authority.subject).sign(authority_key, sha256)
    pem = serialization.Encoding.PEM
    write_private(wanted.ca, authority.public_bytes(pem))
    write_private(wanted.certificate, certificate.public_bytes(pem))
    write_private(
        wanted.key,
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _begun(common_name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + YEARS)
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    common_name = "headrace local CA"
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _begun(common_name, key)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )


def _server(
    key: ec.EllipticCurvePrivateKey, authority_key: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names: list[x509.GeneralName] = [x509.DNSName(n) for n in NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ADDRESSES]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _begun("headrace local API server", key)
        .issuer_name(issuer)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signer, critical=False)
    )


def write_kubeconfig(path: Path, found: Identity, url: str) -> None:
    """A kubeconfig for kubectl and everybody else, 0600, replaced in one step."""
    cluster: dict[str, str] = {"server": url}
    if url.startswith("https"):
        authority = base64.b64encode(found.ca.read_bytes()).decode()
        cluster["certificate-authority-data"] = authority
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "headrace", "cluster": cluster}],
        "users": [{"name": "headrace", "user": {"token": found.token}}],
        "contexts": [
            {
                "name": "headrace",
                "context": {"cluster": "headrace", "user": "headrace", "namespace": "default"},
            }
        ],
        "current-context": "headrace",
    }
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all or nothing."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    temporary.replace(path)

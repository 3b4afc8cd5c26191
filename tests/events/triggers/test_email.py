"""`email` against an SMTP server on a real socket."""

from __future__ import annotations

import email
import email.policy
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from events.triggers import registry
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken
from tests.events.triggers.smtp_server import Mailbox, smtp

SECRETS = {"mail": {"password": "hush\n"}}


def spec(box: Mailbox | None = None, **more: Any) -> dict[str, Any]:
    return {
        "host": "localhost",
        "port": box.port if box else 1,
        "from": "headrace@example.com",
        "to": ["a+b@example.technology", "c@example.com"],
        "subject": "an order",
        "body": "First line\nzweite Zeile: grün",
        **more,
    }


LOGIN = {"username": "u", "smtpPassword": selector("mail", "password")}


async def test_a_message_is_delivered_under_the_firing_key() -> None:
    async with smtp() as box:
        given = spec(box, parameters=[taken("body.name", "subject")])
        effect = await fire("email", given)
    assert effect == "Email to a+b@example.technology, c@example.com"
    assert box.receivers == ["a+b@example.technology", "c@example.com"]
    [text] = box.messages
    message = email.message_from_bytes(text.encode(), policy=email.policy.default)
    assert message["Message-ID"] == f"<{KEY}@headrace>"
    assert message["Subject"] == "shop"
    assert message["From"] == "headrace@example.com"
    assert message["traceparent"] == TRACE
    assert message.get_content_type() == "text/plain"
    assert message.get_content().split("\r\n")[:2] == ["First line", "zweite Zeile: grün"]


async def test_a_password_goes_over_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    async with smtp(tls) as box:
        with pytest.raises(TriggerFailed, match="certificate"):  # nobody knows the authority
            await fire("email", spec(box, **LOGIN), SECRETS)
        assert box.logins == []
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await fire("email", spec(box, **LOGIN), SECRETS)
    assert box.logins == [("u", "hush", True)]


async def test_without_tls_a_password_goes_to_this_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with smtp() as box:
        await fire("email", spec(box, **LOGIN), SECRETS)
        assert box.logins == [("u", "hush", False)]
        far = lambda address: type("Address", (), {"is_loopback": False})()  # noqa: E731
        monkeypatch.setattr("events.triggers.email.ipaddress.ip_address", far)
        monkeypatch.setattr("kube.egress.Egress.check", lambda *_: None)
        with pytest.raises(TriggerFailed, match="offers no TLS") as caught:
            await fire("email", spec(box, **LOGIN), SECRETS)
        assert caught.value.permanent
    assert len(box.logins) == 1


@pytest.mark.parametrize(
    ("refuse", "permanent", "match"),
    [
        ({"MAIL": "451 later"}, False, "later"),
        ({"MAIL": "550 never"}, True, "never"),
        ({"RCPT": "550 nobody"}, True, r"email\.to: .*nobody"),
        ({"RCPT": "450 busy"}, False, r"email\.to: .*busy"),
        ({"DATA": "554 spam"}, True, "spam"),
        ({"AUTH": "535 who"}, False, r"email\.smtpPassword: .*who"),
    ],
)
async def test_refusals(refuse: dict[str, str], permanent: bool, match: str) -> None:
    async with smtp(refuse=refuse) as box:
        with pytest.raises(TriggerFailed, match=match) as caught:
            await fire("email", spec(box, **LOGIN), SECRETS)
    assert caught.value.permanent is permanent
    assert "hush" not in str(caught.value)
    assert box.messages == []


async def test_some_receivers_may_be_refused() -> None:
    async with smtp(refuse={"c@example.com": "550 nobody"}) as box:
        effect = await fire("email", spec(box))
    assert effect.endswith("(refused: c@example.com)")
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"to": []}, "email.to"),
        ({"to": ["x@y>\r\nRCPT TO:<z@z"]}, "email.to"),
        ({"from": ""}, "email.from"),
        ({"subject": ""}, "email.subject"),
        ({"subject": "a\r\nBcc: z@z"}, "email.subject"),
        ({"body": ""}, "email.body"),
    ],
)
async def test_what_can_never_work_is_permanent(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(TriggerFailed, match=where) as caught:
        await fire("email", spec(**wrong))
    assert caught.value.permanent


async def test_no_server_is_worth_another_try() -> None:
    with pytest.raises(TriggerFailed, match=r"email\.host") as caught:
        await fire("email", spec(port=ports.free_port()))
    assert not caught.value.permanent


async def test_the_egress_policy_holds() -> None:
    own = EgressSettings(own_ports=lambda: frozenset({2525}))
    with pytest.raises(TriggerFailed, match="belongs to headrace"):
        await fire("email", spec(port=2525), egress=own)


@pytest.mark.parametrize(("wrong", "where"), [({"host": ""}, "host:"), ({"port": 70_000}, "port:")])
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["email"].check(spec(**wrong)) or "").startswith(where)

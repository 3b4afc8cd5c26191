"""Signatures agree with the examples AWS publishes: its test suite, the S3 and IAM guides."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SUITE = Scope("us-east-1", "service")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
HOST = "https://example.amazonaws.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            Request("GET", f"{HOST}/"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Request("POST", f"{HOST}/"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            Request("GET", f"{HOST}/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Request("GET", f"{HOST}/\u1234"),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            Request("POST", f"{HOST}/", FORM, b"Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            Request("GET", f"{HOST}/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
    ids=["get", "post", "query-order", "utf8-path", "form", "header-trim"],
)
def test_the_published_suite(request_: Request, expected: str) -> None:
    assert signature(sigv4.sign(request_, KEYS, SUITE, NOW)) == expected


def test_the_example_of_the_iam_guide() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    headers = sigv4.sign(Request("GET", url, form), KEYS, Scope("us-east-1", "iam"), NOW)
    expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert signature(headers) == expected


def test_the_example_of_the_s3_guide() -> None:
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    now = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
    request = Request(
        "GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"Range": "bytes=0-9"}
    )
    headers = sigv4.sign(request, keys, Scope("us-east-1", "s3"), now)
    expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert signature(headers) == expected


def test_a_session_token_is_sent_and_signed() -> None:
    keys = Keys("A", "b", "token")
    headers = sigv4.sign(Request("GET", f"{HOST}/"), keys, SUITE, NOW)
    assert headers["X-Amz-Security-Token"] == "token"
    assert "x-amz-security-token" in headers["Authorization"]


def test_a_path_is_encoded_once_more_except_for_s3() -> None:
    request = Request("GET", f"{HOST}/a%3Ab")
    assert "/a%253Ab\n" in sigv4._canonical(request, {}, SUITE, "")[1]
    assert "/a%3Ab\n" in sigv4._canonical(request, {}, Scope("r", "s3"), "")[1]


def test_the_keys_are_not_shown() -> None:
    shown = repr(Keys("AKID", "hush", "quiet"))
    assert "hush" not in shown
    assert "quiet" not in shown

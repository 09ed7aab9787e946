"""Where requests may go: addresses, hosts, URLs."""

from __future__ import annotations

import ipaddress

import pytest

from psg.errors import ValidationFailed
from psg_runtime.ael.http.addresses import PrivateAddresses
from psg_runtime.ael.http.failures import HttpDenied
from psg_runtime.ael.http.target import AllowedHosts, Target

NOWHERE = PrivateAddresses.parse(())


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert NOWHERE.refusal("x", ipaddress.ip_address(text)) is None


@pytest.mark.req("L3-29")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("100.100.100.200", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "private"),
        ("224.0.0.1", "multicast"),
        ("239.1.1.1", "multicast"),
        ("255.255.255.255", "private"),
        ("240.0.0.1", "private"),
        ("192.0.2.1", "private"),
        ("198.18.0.1", "private"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "disguise"),
        ("::ffff:8.8.8.8", "disguise"),
        ("::127.0.0.1", "disguise"),
        ("64:ff9b::7f00:1", "disguise"),
        ("64:ff9b:1::7f00:1", "disguise"),
        ("2002:7f00:1::", "disguise"),
        ("2001::1", "private"),
        ("2001:db8::1", "private"),
    ],
)
def test_every_other_address_is_refused(text: str, kind: str) -> None:
    reason = NOWHERE.refusal("x", ipaddress.ip_address(text))
    assert reason is not None and kind in reason


@pytest.mark.parametrize(
    ("entries", "host", "address", "allowed"),
    [
        (("10.0.0.0/8",), "x", "10.1.2.3", True),
        (("10.0.0.0/8",), "x", "192.168.0.1", False),
        (("127.0.0.1",), "x", "127.0.0.1", True),
        (("::1",), "x", "::1", True),
        (("intern.example",), "intern.example", "10.1.2.3", True),
        (("Intern.Example.",), "intern.example", "10.1.2.3", True),
        (("intern.example",), "other.example", "10.1.2.3", False),
        (("intern.example",), "intern.example", "169.254.169.254", False),
        (("0.0.0.0/0",), "x", "169.254.169.254", False),
        (("169.254.0.0/16",), "x", "169.254.169.254", False),
        (("169.254.169.254",), "x", "169.254.169.254", True),
        (("64:ff9b::/96",), "x", "64:ff9b::808:808", True),
        (("64:ff9b::/96",), "x", "64:ff9b::7f00:1", False),
        (("64:ff9b::/96", "127.0.0.0/8"), "x", "64:ff9b::7f00:1", True),
    ],
)
def test_private_addresses_are_allowed_by_network_or_by_host(
    entries: tuple[str, ...], host: str, address: str, allowed: bool
) -> None:
    private = PrivateAddresses.parse(entries)
    assert (private.refusal(host, ipaddress.ip_address(address)) is None) is allowed


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/33", "300.1.1.1", "fe80::/129", "::zz"])
def test_a_network_that_is_none_is_refused(entry: str) -> None:
    with pytest.raises(ValidationFailed, match="PSG_HTTP_ALLOW_PRIVATE"):
        PrivateAddresses.parse((entry,))


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://example.com", ("http", "example.com", 80)),
        ("HTTPS://Example.COM.:443/x#frag", ("https", "example.com", 443)),
        ("http://[::1]:8080/", ("http", "::1", 8080)),
        ("http://[0:0:0:0:0:0:0:1]/", ("http", "::1", 80)),
        ("http://bücher.example/", ("http", "xn--bcher-kva.example", 80)),
        ("http://a_b.example/@x", ("http", "a_b.example", 80)),
    ],
)
def test_urls_are_read(text: str, origin: tuple[str, str, int]) -> None:
    target = Target.parse(text)
    assert target.origin == origin
    assert "#" not in str(target.url)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "/x", "//x/", "ftp://x/", "file:///etc/passwd", "gopher://x/", "javascript:1", "http://", "http:///x",
        "http://u@x/", "http://u:p@x/", "http://:p@x/", "http://@x/", "http://x@y@z/", "http://x/\n", "http://x /",
        "http://x\\@y/", "http://x\ty/", "http://x\r\nHost: y/", "http://2130706433/", "http://0x7f000001/",
        "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1.1/", "http://1.2.3.4.5./",
        "http://127.0.0.256/", "http://0/", "http://x:0/", "http://x:70000/", "http://x:abc/", "http://[::1/",
        "http://[fe80::1%25eth0]/", "http://a%00b/", "http://%31%32%37.0.0.1/", "http://１２７.0.0.1/", "http://a..b/",
        "http://-a.example/", "http://x*y/", "http://" + "a" * 64 + ".example/", "http://\ud800/",
    ],
)  # fmt: skip
def test_unusual_urls_are_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        Target.parse(text)


@pytest.mark.parametrize(
    ("entries", "url", "allowed"),
    [
        ((), "http://x/", False),
        (("*",), "http://x/", True),
        (("example.com",), "http://EXAMPLE.com./", True),
        (("Example.com",), "https://example.com:8443/", True),
        (("example.com",), "http://www.example.com/", False),
        (("example.com",), "http://example.com.evil.org/", False),
        (("example.com",), "http://notexample.com/", False),
        (("*.example.com",), "http://a.b.example.com/", True),
        (("*.example.com",), "http://example.com/", False),
        (("*.example.com",), "http://.example.com.evil/", None),
        (("example.com:8080",), "http://example.com:8080/", True),
        (("example.com:8080",), "http://example.com/", False),
        (("127.0.0.1:80",), "http://127.0.0.1/", True),
        (("127.0.0.1:80",), "https://127.0.0.1/", False),
        (("example.com.:443",), "https://example.com/", True),
        (("::1",), "http://[::1]/", True),
        (("[::1]:81",), "http://[::1]:81/", True),
        (("[::1]:81",), "http://[::1]/", False),
        (("Bücher.example:81",), "http://bücher.example:81/", True),
        (("*.bücher.example",), "http://a.xn--bcher-kva.example/", True),
    ],
)
def test_only_named_hosts_are_asked(entries: tuple[str, ...], url: str, allowed: bool | None) -> None:
    if allowed is None:
        with pytest.raises(ValidationFailed):
            Target.parse(url)
    elif allowed:
        AllowedHosts(entries).check(Target.parse(url))
    else:
        with pytest.raises(HttpDenied, match="PSG_HTTP_ALLOW"):
            AllowedHosts(entries).check(Target.parse(url))


@pytest.mark.parametrize(
    "entry", ["https://api.example.com", "api.example.com/v1", "api.*.com", "**", "a b", "u@x", "x:port", "127.1", "*."]
)
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValidationFailed, match="is no host"):
        AllowedHosts((entry,))

"""Where a server can be reached: the address of this machine in its own network, for which no internet is needed."""

import ipaddress
import socket

LAN = "0.0.0.0"  # listens for everyone, and is no address that can be opened
FAR = ("192.0.2.1", "10.255.255.254", "172.31.255.254", "192.168.255.254", "169.254.255.254")


def is_open(address: str) -> bool:
    """Return whether others than this machine can reach a server that listens on this numeric address."""
    return not ipaddress.ip_address(address.partition("%")[0]).is_loopback


def urls(host: str, port: int) -> list[str]:
    """Return what can be opened in a browser: on this machine first, then from others in the network."""
    if host in ("", LAN):
        hosts = ["127.0.0.1", *own_addresses()]
    else:
        hosts = ["::1", *own_addresses()] if host in ("::", "::0") else [host]
    return [f"http://[{one}]:{port}/" if ":" in one else f"http://{one}:{port}/" for one in hosts]


def own_addresses() -> list[str]:
    """Return the IPv4 addresses of this machine by which others find it, the one that it uses most first.

    A datagram's socket that is "connected" sends nothing, but knows which of its addresses it would send from.
    """
    found = []
    for far in FAR:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            try:
                asked.connect((far, 9))
            except OSError:  # no way there
                continue
            found.append(str(asked.getsockname()[0]))
    return [one for one in dict.fromkeys(found) if not ipaddress.ip_address(one).is_loopback and one != LAN]

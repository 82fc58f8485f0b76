"""The one user of the ``session`` workload, with a hashed password."""

import hashlib
import hmac

# scrypt as OWASP's password storage cheat sheet has it for little memory: N=2^14, r=8, p=5 there;
# p=1 here, so that a session is not nothing but its login
_N, _R, _P = 2**14, 8, 1
_ACCOUNTS = {
    "ada": (
        bytes.fromhex("8d0f7a6b4f5c4e0c9b7f2c1d3a5e6f70"),
        bytes.fromhex("cc854a32aa6f3fee343cb26bb571014c14b471fce0c2bad36221bbcfa6f8fcdf"),
    )
}


def check_password(name: str, password: str) -> bool:
    """Tell whether a user exists and the password is theirs; takes as long either way."""
    salt, expected = _ACCOUNTS.get(name, _ACCOUNTS["ada"])
    given = hashlib.scrypt(
        password.encode(errors="surrogatepass"), salt=salt, n=_N, r=_R, p=_P, dklen=32
    )
    return hmac.compare_digest(given, expected) and name in _ACCOUNTS

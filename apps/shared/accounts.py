"""The one user of the ``session`` workload, with a hashed password."""

import hashlib
import hmac

# PBKDF2, which Django takes by default, with a tenth of the rounds of today's advice: so that a
# session is not nothing but its login. Unlike scrypt it needs no memory, of which forty logins at
# once in threads would take more than a small container has.
_ROUNDS = 60_000
_ACCOUNTS = {
    "ada": (
        bytes.fromhex("8d0f7a6b4f5c4e0c9b7f2c1d3a5e6f70"),
        bytes.fromhex("62fafd643963719ddd1c62d535e1c818fd4582094470e664bc4eb01ad302af64"),
    )
}


def check_password(name: str, password: str) -> bool:
    """Tell whether a user exists and the password is theirs; takes as long either way."""
    salt, expected = _ACCOUNTS.get(name, _ACCOUNTS["ada"])
    text = password.encode(errors="surrogatepass")
    given = hashlib.pbkdf2_hmac("sha256", text, salt, _ROUNDS)
    return hmac.compare_digest(given, expected) and name in _ACCOUNTS

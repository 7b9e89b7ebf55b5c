"""Check digits of numbers that states, banks and networks give: what tells one from any other row of digits."""

from __future__ import annotations

import hashlib
import re
from typing import Final

# Verhoeff 1969: the dihedral group of ten elements, and the permutation of each place.
_DIHEDRAL: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_SPANISH: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def digits_of(text: str) -> str:
    """Its digits alone."""
    return re.sub(r"\D", "", text)


def is_luhn(text: str) -> bool:
    """ISO/IEC 7812, annex B."""
    doubled = (int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits_of(text))))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_routing(digits: str) -> bool:
    """ABA routing transit number: weights 3, 7, 1."""
    return digits != "000000000" and sum(int(d) * (3, 7, 1)[n % 3] for n, d in enumerate(digits)) % 10 == 0


def is_nhs(digits: str) -> bool:
    """NHS number of England, Wales and the Isle of Man: modulo 11."""
    check = 11 - sum(int(d) * (10 - n) for n, d in enumerate(digits[:9])) % 11
    return len(set(digits)) > 1 and check != 10 and check % 11 == int(digits[9])


def is_spanish_id(text: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23."""
    plain = text.replace("-", "")
    number = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and _SPANISH[int(number) % 23] == plain[-1]


def is_italian_code(text: str) -> bool:
    """Codice fiscale, decree of 12 March 1974: odd places by a table, even ones by value, modulo 26."""
    values = [int(c) if c.isdigit() else ord(c) - 65 for c in text.upper()]
    total = sum(_ITALIAN_ODD[value] if at % 2 == 0 else value for at, value in enumerate(values[:15]))
    return total % 26 == values[15]


def is_cpf(text: str) -> bool:
    """CPF of Brazil: two check digits, modulo 11."""
    digits = [int(d) for d in digits_of(text)]
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return all(
        sum(d * (length + 1 - n) for n, d in enumerate(digits[:length])) * 10 % 11 % 10 == digits[length]
        for length in (9, 10)
    )


def is_aadhaar(text: str) -> bool:
    """Aadhaar of India: Verhoeff's check digit."""
    check = 0
    digits = digits_of(text)
    for place, digit in enumerate(reversed(digits)):
        check = int(_DIHEDRAL[check][int(_PERMUTED[place % 8][int(digit)])])
    return len(digits) == 12 and check == 0 and len(set(digits)) > 2


def is_pesel(digits: str) -> bool:
    """PESEL of Poland: weights 1, 3, 7, 9."""
    total = sum(int(d) * (1, 3, 7, 9)[n % 4] for n, d in enumerate(digits[:10]))
    return (10 - total % 10) % 10 == int(digits[10])


def is_french_social(text: str) -> bool:
    """NIR of France: 97 less the number modulo 97; 2A and 2B are Corsica."""
    plain = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return len(plain) == 15 and plain.isdigit() and 97 - int(plain[:13]) % 97 == int(plain[13:])


def is_ethereum(text: str) -> bool:
    """An address of Ethereum: 20 bytes that are not all alike."""
    return len(set(text[2:].lower())) > 4


def is_bitcoin(text: str) -> bool:
    """An address of Bitcoin: base58check (version 0 or 5), or bech32 and bech32m (BIP 173, BIP 350)."""
    return _is_bech32(text) if text.startswith("bc1") else _is_base58(text)


def _is_base58(text: str) -> bool:
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    raw = number.to_bytes(26, "big")[-25:] if number < 256**25 else b""
    return bool(raw) and hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _is_bech32(text: str) -> bool:
    check = 1
    human = [ord(c) >> 5 for c in "bc"] + [0] + [ord(c) & 31 for c in "bc"]
    for value in (*human, *(_BECH32.index(c) for c in text[3:])):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)

"""In which encoding is this text? By its byte order mark, else by what its bytes can be."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from charset_normalizer import from_bytes

from services.intake.domain.lists.shape import Unreadable

BLOCK = 1024 * 1024
SAMPLE = 64 * 1024
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets and trade-show systems write. Fewer candidates, fewer wild guesses.
CANDIDATES = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "mac_roman", "koi8_r"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
]
LATIN = frozenset({"cp1250", "cp1254", "mac_roman"})
_CONTROLS = bytes([*range(9), *range(14, 32)])
# Letters of Central Europe, read as Western: no Western word has these signs inside.
_EASTERN = re.compile(r"[^\W\d_][šžŠŽ¹³¿£¥¯Ÿþ¼¾]|[šžŠŽ¹³¿£¥¯Ÿþ¼¾][^\W\d_]")


def detect_encoding(file: BinaryIO) -> str:
    """The name of the encoding, as Python calls it. Reads the whole file once: one letter at its end can decide."""
    file.seek(0)
    head = file.read(BLOCK)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if wide := _wide(head[:SAMPLE]):
        return wide
    if len(head.translate(None, _CONTROLS)) < len(head) * 0.95:
        raise Unreadable("This is no list: it is neither text nor a workbook. Send a CSV or XLSX file.", 415)
    sample, valid = _beyond_ascii(file, head)
    return "utf-8" if valid or _mostly_utf8(sample) else _guess(sample)


def known_encoding(name: str) -> bool:
    """Is this the name of a text encoding?"""
    try:
        return codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        return False


def _wide(sample: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of plain text is nought."""
    pairs = len(sample) // 2
    if pairs and sample[1::2].count(0) > pairs * 0.6 and sample[0::2].count(0) < pairs * 0.1:
        return "utf-16-le"
    if pairs and sample[0::2].count(0) > pairs * 0.6 and sample[1::2].count(0) < pairs * 0.1:
        return "utf-16-be"
    return None


def _beyond_ascii(file: BinaryIO, block: bytes) -> tuple[bytes, bool]:
    """Lines that hold more than ASCII, up to a sample, and whether the file is UTF-8 throughout."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    sample, valid = bytearray(), True
    while block:
        if len(sample) < SAMPLE and not block.isascii():
            sample += b"\n".join(line[:SAMPLE] for line in block.split(b"\n") if not line.isascii())[:SAMPLE]
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            valid = False
        if not valid and len(sample) >= SAMPLE:
            break
        block = file.read(BLOCK)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        valid = False
    return bytes(sample), valid


def _mostly_utf8(sample: bytes) -> bool:
    """Damaged in a few places only: one foreign line must not spoil the rest."""
    text = sample.decode("utf-8", "replace")
    strange = sum(1 for character in text if character > "\x7f")
    return text.count("\ufffd") * 20 <= strange


def _guess(sample: bytes) -> str:
    best = from_bytes(sample, cp_isolation=CANDIDATES).best()
    found = best.encoding if best else "cp1252"
    # The Latin code pages differ in a few letters, and the guess between them is weak: Western, unless what it gives is no word.
    if found in LATIN and not _EASTERN.search(sample.decode("cp1252", "replace")):
        return "cp1252"
    return found

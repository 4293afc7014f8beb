"""Text as a person would read it, out of bytes in some charset or out of HTML. Never raises, in time linear to the input."""

from __future__ import annotations

import html
import re

# Charsets that forms and mail really use. Not every codec of the language: some are slow, and some are no charsets at all.
_CHARSETS = re.compile(
    r"utf-?16(?:le|be)?|iso-8859-(?:[2-9]|1[0-6])|windows-125[013-8]|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|euc-jp|euc-kr"
    r"|iso-2022-jp|macintosh",
    re.ASCII,
)
_TAG = re.compile(r"(<[A-Za-z/!?][^<>]*>)")
_NUMBER_TOO_LONG = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_BLANKS = re.compile(r"[ \u00a0\u200b\f\v\r]+")
_NEW_LINE = re.compile(
    r"address|article|blockquote|br|d[dlt]|div|fieldset|footer|form|h[1-6r]|header|li|main|[ou]l|p|pre|section|table|t(?:body|head|r)"
)
_NEW_CELL = frozenset(("td", "th"))
_UNSEEN = frozenset(("noscript", "script", "style", "template", "title"))


def decode_text(raw: bytes, charset: str | None = None) -> str:
    """The text in these bytes. Valid UTF-8 is UTF-8, whatever Western charset was declared; Windows-1252 is the last resort."""
    declared = (charset or "").strip().strip("\"'").lower()
    names = [declared, "utf-8-sig"] if _CHARSETS.fullmatch(declared) else ["utf-8-sig"]
    for name in names:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp1252", "replace")


def unify_newlines(text: str) -> str:
    """Forms and mail end lines with CR LF; here it is LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def looks_like_html(text: str) -> bool:
    """Whether there is a tag in it: `a < b` is none."""
    return re.search(r"</?[A-Za-z][A-Za-z0-9]{0,15}[\s/>]", text) is not None


def html_to_text(markup: str) -> str:
    """What a reader sees: a line for each block or table row, a tab between cells, no scripts, styles or comments."""
    seen: list[str] = []
    until: str | None = None
    for token in _TAG.split(markup):
        if until is not None:
            if until in token.lower():
                until = None
        elif token.startswith("<!--"):
            until = None if token.endswith("-->") else "-->"
        elif not _TAG.fullmatch(token):
            seen.append(token.replace("\n", " ").replace("\t", " "))
        elif (name := _tag_name(token)) in _UNSEEN and not token.startswith("</") and not token.endswith("/>"):
            until = f"</{name}"
        else:
            seen.append(_space_for(name, token))
    return tidy(_unescape("".join(seen)))


def tidy(text: str) -> str:
    """Without runs of blanks, blanks around lines, and more than one empty line at a time."""
    lines: list[str] = []
    for raw in unify_newlines(text).split("\n"):
        line = "\t".join(cell for part in raw.split("\t") if (cell := _BLANKS.sub(" ", part).strip()))
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip()


def _tag_name(token: str) -> str:
    match = re.match(r"</?([A-Za-z][A-Za-z0-9]*)", token)
    return match[1].lower() if match else ""


def _space_for(name: str, token: str) -> str:
    if _NEW_LINE.fullmatch(name):
        return "\n"
    return "\t" if name in _NEW_CELL and not token.startswith("</") else ""


def _unescape(text: str) -> str:
    # A number of thousands of digits would be an error of int() inside html.unescape.
    return html.unescape(_NUMBER_TOO_LONG.sub("\ufffd", text))

"""The prompt without one of its phrases, so that what is left reads well: no hanging links, no doubled punctuation."""

from __future__ import annotations

from bisect import bisect_right

import regex

from tonescope.diagnose.prompts.lexicon import lexicon
from tonescope.diagnose.prompts.phrases import SUNG, Phrase, chunked

_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "「": "」", "『": "』", "（": "）", '"': '"', "‘": "’"}
_ENDS = ".!?…。！？"
_WEAK = r",;:/|·•–—\-&+、，；："
_GAP = regex.compile(rf"\s+|[{_ENDS}]+|[{_WEAK}]|.", regex.DOTALL)
_QUOTES = ('"', "”", "»", "’")
_QUOTES_AND_OPENERS = "".join(_PAIRS)
_BULLET = regex.compile(r"\n[\s•*–—-]*$")
_LINK_WORDS = regex.compile(r"\S+")
_JOINING = regex.compile(r"^(?:(?:and|but|or|nor|plus|of|und|oder|et|ou|y|o|e|en|of)\b|[&+])\s*", regex.IGNORECASE)
_DESCRIBING = ("mood", "tempo", "era", "other")
_GENITIVE = ("mood", "genre", "other", "era", "tempo")


def _without_line(prompt: str, line: Phrase) -> str:
    """Lyrics without a line: what is before and after it stands as it was."""
    before, after = prompt[: line.start], prompt[line.end :]
    return (before + after.lstrip() if after.strip() else before.rstrip()).rstrip()


def without(prompt: str, phrase: Phrase) -> str:
    """The prompt with one phrase left out, and what would hang in the air without it; empty where nothing is left.

    Only the seam is mended, in time that does not grow with the number of phrases.
    """
    if phrase.kind in SUNG:
        return _without_line(prompt, phrase)
    phrases = chunked(prompt)
    at = bisect_right(phrases, phrase.start, key=lambda other: other.start) - 1
    if at < 0 or phrases[at].in_pieces or phrase.end != phrases[at].end:
        return _cut(prompt, phrase)
    if len(phrases) == 1:
        return ""
    return _Seam(prompt, phrases, at).closed()


def _cut(prompt: str, phrase: Phrase) -> str:
    """The prompt without a stretch of a script that has no spaces, or without part of a phrase."""
    before, after = prompt[: phrase.start], prompt[phrase.end :]
    gap_before = regex.search(r"[^\p{L}\p{N}\p{M}]*$", before[-64:])
    gap_after = regex.match(r"[^\p{L}\p{N}\p{M}]*", after[:64])
    left, right = gap_before.group() if gap_before else "", gap_after.group() if gap_after else ""
    head, tail = before[: len(before) - len(left)], after[len(right) :]
    if not regex.search(r"[\p{L}\p{N}]", head + tail):
        return ""
    return (head + _closed(left, right, first=not head, last=not tail) + tail).strip()


class _Seam:
    """What stands around the phrase that is left out."""

    def __init__(self, prompt: str, phrases: tuple[Phrase, ...], at: int) -> None:
        self.prompt, self.phrases, self.at = prompt, phrases, at
        self.gone = phrases[at]
        self.before = phrases[at - 1] if at else None
        self.after = phrases[at + 1] if at + 1 < len(phrases) else None
        self.left, self.right = self._gap(at - 1), self._gap(at)

    def _gap(self, index: int) -> str:
        """What stands after the phrase ``index`` and before the next."""
        start = self.phrases[index].end if index >= 0 else 0
        end = self.phrases[index + 1].start if index + 1 < len(self.phrases) else len(self.prompt)
        return self.prompt[start:end]

    def closed(self) -> str:
        left, right = _unwrapped(self.left, self.right)
        link, rest = (self.after.link, self.after.name) if self.after else ("", "")
        joined = right.strip() in ("", ",")
        if self.after and joined:
            left, right, link = self._relinked(left, right, link)
        gap = _closed(left, right, first=self.before is None, last=self.after is None)
        if "\n" in gap or gap.strip() not in ("", ","):
            link = _JOINING.sub("", link)  # after a dash or a stop nothing is joined
        starts = self.before is None or gap.strip()[-1:] in (*_ENDS, *"([{“")
        own_sentence = regex.search(rf"[{_ENDS}\n(\[]", self.right)
        if starts and not own_sentence:
            link = _bare(link, self.prompt, self.gone)
        following = link + rest
        if starts and self.gone.text[:1].isupper() and following[:1].islower() and not own_sentence:
            following = following[0].upper() + following[1:]
        head = self.prompt[: self.before.end] if self.before else ""
        tail = self.prompt[self.after.end :] if self.after else ""
        head = self._mended_head(head)
        return (head + gap + following + tail).strip()

    def _relinked(self, left: str, right: str, link: str) -> tuple[str, str, str]:
        """The gaps, and the link of the next phrase, where only space or a comma parts it from what is left out."""
        gone, after = self.gone, self.after
        assert after is not None
        space = right.isspace()
        words = _roles(link)
        if (
            space
            and gone.link
            and not link
            and gone.kind in _GENITIVE
            and after.kind not in ("negated", "tempo", "key")
        ):
            kept = gone.link
            if self._coordinated():
                return left, "", ""  # "a light and dark techno track": of two adjectives one stays
            if after.name[:1] and regex.search(r"\ban?\s*$", kept, regex.IGNORECASE):
                kept = _article(kept, after.name)
            return left, "", kept
        if words[:1] == ["coordinator"]:
            rest_of_link = _LINK_WORDS.sub("", link, count=1).lstrip()
            preposition = _prepositions(gone.link)
            if _is_adjective(gone) and _is_adjective(after) and "article" in _roles(gone.link) and words == words[:1]:
                return left, "", _article(gone.link, after.name)
            if preposition and gone.kind == after.kind == "negated":
                return left, "", preposition + rest_of_link
            if preposition and "preposition" not in words and "negated" not in (gone.kind, after.kind):
                return left, " " if left.isspace() else right, preposition + rest_of_link
            if gone.kind == "negated":
                return left, right, rest_of_link
            if preposition and after.kind == "negated":
                return ", " if left.isspace() else left, "", rest_of_link
            if left.strip() == "," and not (self.at >= 2 and self._gap(self.at - 2).strip() == ","):
                return " ", " ", link  # "drums, bass and piano": one comma less
            if left.strip() == ",":
                return right, "", link
            if left.isspace() and not gone.link and self.before and _is_adjective(self.before):
                return left, right, rest_of_link
        elif right.strip() == "," and not link and "article" in _roles(gone.link) and self._describe_one_noun():
            return left, "", _article(gone.link, after.name)  # "a fast, dark techno track"
        elif space and not link and left.strip() == "," and self._coordinated():
            return " ", "", ""  # "a fast, dark techno track"
        elif right.strip() == "," and not link and gone.kind == after.kind == "instrument" and self._list_ends():
            return left, "", gone.link
        return left, right, link

    def _coordinated(self) -> bool:
        """Whether two adjectives of one noun are joined by a word or a comma, and the second is left out."""
        joined = _roles(self.gone.link) == ["coordinator"] or (not self.gone.link and self.left.strip() == ",")
        return joined and self.before is not None and _is_adjective(self.before) and _is_adjective(self.gone)

    def _describe_one_noun(self) -> bool:
        """Whether what is left out and what follows after a comma may be adjectives of one noun, or that noun."""
        after = self.after.kind if self.after else ""
        return _is_adjective(self.gone) and after in ("mood", "era", "other", "genre", "instrument")

    def _list_ends(self) -> bool:
        """Whether the next phrases are a list that ends with "and"."""
        for index in range(self.at + 2, min(self.at + 10, len(self.phrases))):
            phrase = self.phrases[index]
            if phrase.kind != "instrument":
                return False
            if _roles(phrase.link)[:1] == ["coordinator"]:
                return True
            if self._gap(index - 1).strip() != ",":
                return False
        return False

    def _mended_head(self, head: str) -> str:
        """What is before: a list that lost its last thing ends with "and" again, an article that lost its noun goes."""
        gone, before = self.gone, self.before
        if before is None:
            return head
        keeps_noun = self.after is not None and self.right.isspace() and not self.after.link
        last = _roles(gone.link)[:1] == ["coordinator"] and self.left.strip() in ("", ",") and not keeps_noun
        another = self.after is not None and _roles(self.after.link)[:1] == ["coordinator"]
        if last and not another and self.at >= 2 and not before.link and before.kind == gone.kind:
            gap = self._gap(self.at - 2)
            if gap.strip() == ",":
                longer = self.at >= 3 and self._gap(self.at - 3).strip() == ","
                comma = ", " if longer and self.left.strip() == "," else " "
                word = gone.link.split()[0]
                return head[: before.start - len(gap)] + f"{comma}{word} {before.text}"
        describes = _is_adjective(before) and (before.kind != "other" or gone.kind in ("genre", "instrument"))
        loses_noun = self.left.isspace() and not gone.link and describes
        if not loses_noun or keeps_noun:
            return head
        at = self.at - 1
        while at and self._continues(at) and _is_adjective(self.phrases[at - 1]):
            at -= 1
        return self._without_link(head, at)

    def _continues(self, at: int) -> bool:
        """Whether a phrase goes on with the adjectives before it: "a fast, dark", "a light and cheerful"."""
        return self._gap(at - 1).strip() in ("", ",") and _roles(self.phrases[at].link) in ([], ["coordinator"])

    def _without_link(self, head: str, at: int) -> str:
        """The head where the phrase ``at`` and those after it lost their noun: their article and preposition go."""
        first = self.phrases[at]
        roles = _roles(first.link)
        if "article" not in roles:
            return head
        gap = self._gap(at - 1)
        start = first.start - (len(gap) if gap.isspace() and at else 0)
        comma = ", " if at and gap.isspace() and "\n" not in gap else ""
        rest = head[first.name_start :]
        capital = first.text[:1].isupper() and not comma
        return head[:start] + comma + (rest[:1].upper() + rest[1:] if capital else rest)


def _is_adjective(phrase: Phrase) -> bool:
    """Whether a phrase may describe the noun after it."""
    return phrase.kind in _DESCRIBING


def _article(link: str, name: str) -> str:
    """ "a" or "an", as the next word asks for."""
    right = "an" if name[:1].lower() in "aeiou" else "a"
    return regex.sub(r"\b(a)n?(\s*)$", lambda match: match[1] + right[1:] + match[2], link, flags=regex.IGNORECASE)


def _roles(link: str) -> list[str]:
    """The roles of the words of a link, one a name."""
    words = [word.casefold() for word in regex.findall(r"[\w'’]+|&|\+", link)]
    words = ["and" if word in ("&", "+") else word for word in words]
    found, at = [], 0
    while at < len(words):
        count, roles = lexicon().match(words[at:])
        order = ("coordinator", "preposition", "article", "asking", "function")
        found.append(next((role for role in order if role in roles), "function"))
        at += max(count, 1)
    return found


def _prepositions(link: str) -> str:
    """The link as far as its last preposition: "with " of "with a "."""
    roles = _roles(link)
    if "preposition" not in roles:
        return ""
    return regex.sub(r"\b(?:an?|the|some|any)\s+$", "", link, flags=regex.IGNORECASE)


def _bare(link: str, prompt: str, gone: Phrase) -> str:
    """A link that is at a beginning: without the words that tie it to what was before."""
    roles = _roles(link)
    if link and gone.link and link == gone.link and gone.start == 0:
        return link  # it stood at the beginning of the sentence already
    if "coordinator" in roles or "preposition" in roles:
        return ""
    return link


def _closed(left: str, right: str, *, first: bool, last: bool) -> str:
    """Two gaps as one: brackets and quotes around nothing go, and of several separators the strongest stays."""
    left, right = _unwrapped(left, right)
    if _BULLET.search(left) and "\n" in right:
        return left if not last else ""  # an item of a list with its bullet
    if left and left[-1] in _QUOTES_AND_OPENERS and (len(left) == 1 or not left[-2].isalnum()):
        right = right.lstrip()
    if right[:1] in _QUOTES and left.isspace():
        left = ""
    parts = [part for part in _GAP.findall(left)] + ["\0"] + [part for part in _GAP.findall(right)]
    made: list[str] = []
    for part in parts:
        if part == "\0":
            continue
        previous = made[-1] if made else ""
        kind, former = _rank(part), _rank(previous) if previous else -1
        if 0 <= kind <= 4 and 0 <= former <= 4:
            made[-1] = part if kind > former else previous
        else:
            made.append(part)
    text = "".join(_spaced(part, made, index) for index, part in enumerate(made))
    text = regex.sub(r"[\s,;:]+(?=[(\[])", " ", text)
    text = regex.sub(rf"[\s{_WEAK}]+(?=[)\]}}”»」』）])", "", text)
    text = regex.sub(rf"(?<=[(\[{{“«「『（])[\s{_WEAK}{_ENDS}]+", "", text)
    if first:
        text = regex.sub(rf"^[\s{_WEAK}{_ENDS}]+", "", text) if not left.strip() else text
    if last:
        text = regex.sub(rf"[\s{_WEAK}]+$", "", text)
    return text


def _rank(part: str) -> int:
    """How strongly a part of a gap separates; 9 is what is kept in any case (brackets, quotes, emoji)."""
    if "\n" in part:
        return 4
    if part.isspace():
        return 0
    if part[0] in _ENDS:
        return 3
    if regex.match(rf"[{_WEAK}]", part):
        return 1 if part in "/&+-" else 2
    return 9


def _spaced(part: str, made: list[str], index: int) -> str:
    """A separator that stands between two phrases has its space."""
    follows = made[index + 1] if index + 1 < len(made) else ""
    if part in (",", ";", ":") or (part[0] in _ENDS and part[0] not in "。！？"):
        return part if follows and follows[0] not in _PAIRS else part + " "
    if part in ("–", "—", "|", "-", "&", "+", "·", "•"):
        return f" {part} "
    return " " if part.isspace() and "\n" not in part else part


def _unwrapped(left: str, right: str) -> tuple[str, str]:
    """Gaps without the brackets and quotes that hold nothing any more."""
    while True:
        inner, outer = left.rstrip(), right.lstrip()
        if not inner or not outer or _PAIRS.get(inner[-1]) != outer[0]:
            return left, right
        left, right = inner[:-1], outer[1:]
        if left and not left[-1].isspace() and right and not right[0].isspace() and right[0].isalnum():
            right = " " + right

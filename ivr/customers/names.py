"""A customer's surname from the whole name: by it and 先生 or 女士 they are addressed (S2)."""

_COMPOUND = (
    "欧阳司马上官诸葛司徒东方独孤南宫夏侯尉迟公孙慕容令狐皇甫宇文长孙轩辕司空端木申屠公羊澹台濮阳淳于"
    "单于太史呼延万俟闻人赫连宗政钟离鲜于闾丘亓官仲孙拓跋百里东郭南门西门左丘梁丘第五公冶太叔歐陽諸葛"
)
"""Surnames of two characters (百家姓 and those in use today), one after the other."""

COMPOUND = frozenset(_COMPOUND[start : start + 2] for start in range(0, len(_COMPOUND), 2))


def surname_of(name: str) -> str:
    """The surname: the first one or two Han characters, or a Latin name's last word; empty for no name."""
    plain = name.strip()
    if not plain:
        return ""
    if "\u3400" <= plain[0] <= "\u9fff":
        return plain[:2] if plain[:2] in COMPOUND and len(plain) > 2 else plain[:1]
    return plain.split()[-1]

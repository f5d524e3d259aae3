"""Which items of a loop its condition refused, as a text like "0-2,5": short, however many there are.

Without it a rerun from within could not tell from the jobs which item their round was about.
"""


def with_refused(refused: str, first: int, end: int) -> str:
    """The text with the items from `first` up to, not including, `end` added; they come behind all it has."""
    more = str(first) if end - first == 1 else f"{first}-{end - 1}"
    return f"{refused},{more}" if refused else more


def item_of_round(refused: str, number: int) -> tuple[int, str]:
    """(index of the item, what was refused before it) of the round that came after `number` others."""
    index = number
    before = []
    for part in refused.split(",") if refused else ():
        first, _dash, last = part.partition("-")
        if int(first) > index:
            break
        index += int(last or first) - int(first) + 1
        before.append(part)
    return index, ",".join(before)

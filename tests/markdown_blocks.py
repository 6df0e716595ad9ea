"""Code blocks of the project's Markdown pages, and the commands in them."""

import re

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def all_blocks(text):
    """Lists `(language, code)` in order; those of a list's items are left out."""
    return BLOCK.findall(text)


def blocks(text, language):
    """Lists the code of the blocks of one language."""
    return [code for name, code in all_blocks(text) if name == language]


def commands(text):
    """Lists every command of every bash block, apart from what `&&` joins."""
    lines = [line for code in blocks(text, "bash") for line in code.splitlines()]
    return [command.strip() for line in lines for command in line.split("&&")]

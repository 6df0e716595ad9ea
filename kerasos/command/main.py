"""From words on the command line to a command, its flags and an exit status.

0: done. 1: an error of the user's, said in one message. 2: a flag or an argument that
the command does not take. 130: stopped from the keyboard.
"""

import contextlib
import importlib
import os
import sys
import textwrap
import warnings

from absl import flags, logging

from kerasos.checks import unknown_name_message
from kerasos.version import __version__

# `{name: what it does}`, in the order of first use; each is a module of this package.
COMMANDS = {
    "compare": "whether rebalancing helps on your table, and which way of it",
    "balance": "a CSV file with generated rows for its smaller classes",
    "balance-images": "generated pictures for the smaller classes of a folder",
    "train": "a generator of a table, a folder of pictures or a data set",
    "sample": "rows or pictures from a trained generator",
    "export": "a trained generator for TensorFlow Serving",
    "quality": "what is wrong with generated rows, beside real ones",
    "doctor": "versions, devices, memory, and a self test of ten seconds",
}
DEBUG = "KERASOS_DEBUG"
# What a file, a flag or data of the user's raise; all else is a fault of ours.
USER_ERRORS = (ImportError, OSError, TypeError, ValueError)


def main(argv):
    """Runs a command.

    Args:
        argv: List of strings, what follows `kerasos` on the command line.

    Returns:
        Integer, the exit status.

    Raises:
        SystemExit: With a message for the user, which Python prints before it exits
            with status 1; or with 141, as other programs do, where what reads the
            output, `head` say, has enough.
    """
    try:
        status = _run(argv)
        if sys.stdout is not None:  # `>&-` leaves none
            sys.stdout.flush()
    except BrokenPipeError:
        if not _output_is_closed():
            raise
        # Python would try again, and complain, when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    return status


def _output_is_closed():
    try:
        print(flush=True)  # without text, what is not buffered says nothing
    except BrokenPipeError:
        return True
    return False


def _run(argv):
    if not argv:
        print(overview(), file=sys.stderr)
        return 2
    name, *rest = argv
    if name in ("--help", "-h", "help"):
        print(overview())
        return 0
    if name == "--version":
        print(f"kerasos {__version__}")
        return 0
    if name not in COMMANDS:
        wrong = unknown_name_message("command", name, COMMANDS)
        print(f"{wrong} See `kerasos --help`.", file=sys.stderr)
        return 2
    command = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    options = defined(command)
    if {"--help", "-h"} & set(rest):
        print(help_of(name, command, options))
        return 0
    try:
        parse(command, options, rest)
    except flags.Error as error:
        print(f"kerasos {name}: {error}\nSee `kerasos {name} --help`.", file=sys.stderr)
        return 2
    with one_line(f"kerasos {name}", options.debug or bool(os.environ.get(DEBUG))):
        return command.run(options) or 0


@contextlib.contextmanager
def one_line(name, debug=False):
    """Ends the program with one message where a user's error is raised.

    Warnings are lines of this form, too, without the place in our code.

    Args:
        name: String, what the message begins with.
        debug: Whether to let errors through, with their traceback.
    """
    logging.set_verbosity(logging.ERROR)
    usual = warnings.formatwarning
    if not debug:
        warnings.formatwarning = lambda message, *_, **__: f"{name}: {message}\n"
    try:
        yield
    except KeyboardInterrupt:
        print(f"{name}: stopped.", file=sys.stderr)
        sys.exit(130)
    except USER_ERRORS as error:
        if debug or (isinstance(error, BrokenPipeError) and _output_is_closed()):
            raise
        sys.exit(f"{name}: {error}")
    finally:
        warnings.formatwarning = usual


def defined(command):
    """Returns the flags of a command, a `FlagValues` of its own."""
    options = flags.FlagValues()
    options.set_gnu_getopt()
    command.define(options)
    flags.DEFINE_bool(
        "debug", False, f"Tracebacks of errors; {DEBUG}=1 does so too.", options
    )
    return options


def parse(command, options, argv):
    """Sets flags, and those that `command.ARGUMENTS` lets stand without a name."""
    _, *given = options(["kerasos", *argv])
    names = list(command.ARGUMENTS)
    if len(given) > len(names):
        taken = " ".join(name.upper() for name in names) or "flags only"
        raise flags.Error(
            f"Too many arguments. Expected: {taken}. Received also: "
            f"{' '.join(given[len(names) :])}."
        )
    for name, value in zip(names, given, strict=False):
        if options[name].present:
            raise flags.Error(
                f"{name.upper()} was given twice: {options[name].value!r} by --{name}, "
                f"and {value!r}."
            )
        options[name].parse(value)
    for name, is_needed in command.ARGUMENTS.items():
        if is_needed and options[name].value is None:
            raise flags.Error(f"{name.upper()} is missing.")


def overview():
    """Returns what `kerasos --help` prints."""
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:{width}}{text}" for name, text in COMMANDS.items())
    return f"""Deep oversampling for imbalanced classification.

usage: kerasos COMMAND ...

{lines}

Begin with `kerasos compare customers.csv --target=churned`. `kerasos COMMAND --help`
shows examples and flags, `kerasos --version` the version."""


def help_of(name, command, options):
    """Returns what `kerasos NAME --help` prints."""
    taken = [
        argument.upper() if is_needed else f"[{argument.upper()}]"
        for argument, is_needed in command.ARGUMENTS.items()
    ]
    lines = [f"usage: kerasos {' '.join([name, *taken])} [--flags]", ""]
    lines += [command.__doc__.strip(), "", "flags:"]
    for of_module in options.flags_by_module_dict().values():
        for flag in of_module:
            lines += _lines_of(flag)
    return "\n".join(lines)


def _lines_of(flag):
    form = f"  --[no]{flag.name} " if flag.boolean else f"  --{flag.name}=... "
    text = flag.help
    if flag.default is not None and flag.default is not False and flag.default != []:
        text += f" Default: {flag.default_as_str}."
    margin = " " * 22
    return textwrap.wrap(
        text, 88, initial_indent=form.ljust(len(margin)), subsequent_indent=margin
    )

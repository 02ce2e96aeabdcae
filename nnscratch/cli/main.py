"""The command ``nnscratch``: finds the sub-command, and turns errors that a user can cause into one line."""

from __future__ import annotations

import argparse
import copy
import importlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from nnscratch.cli.typed import typed
from nnscratch.errors import BackgroundWarning, ConvergenceWarning, NNScratchError, printable
from nnscratch.version import __version__

COMMANDS = {
    "train": "train models and report on them",
    "predict": "read the digits in pictures",
    "evaluate": "evaluate a trained model on test images",
    "export": "write a network for ONNX, safetensors or PyTorch",
    "gradcheck": "check every gradient against the numerical gradient",
    "study": "see backpropagation: a step, a training, a network; exercises",
    "lab": "experiments that break learning on purpose, and why they do",
    "augment": "show what distortions make of the digits",
    "serve": "serve the page: draw a digit, see what the networks think",
    "site": "write that page as files, which need no server",
    "sweep": "search for settings: a grid or random trials, halved again and again",
    "lr-find": "find a learning rate: see at which the loss falls",
    "profile": "see where the time of a training goes, layer by layer",
    "runs": "list past runs and compare them",
    "models": "show the models, layer by layer",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    again = False  # whether arguments are being parsed once more

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with 2."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Take arguments in any order: one that may be left out, such as IMAGE, also stands behind an option."""
        values, left = super().parse_known_args(args, copy.copy(namespace))
        if not left or self._subparsers is not None or self.again:
            return values, left
        self.again = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.again = False


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run ``nnscratch`` with these arguments (the process's own when None) and return its exit code.

    0: done. 1: something read or written was not as it must be. 2: wrong usage. 130: interrupted.
    With ``prog``, the first argument names the sub-command and ``prog`` is what the user typed for both.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog="nnscratch", description="Neural networks from scratch in NumPy, on MNIST.")
    parser.add_argument("--version", action="version", version=f"nnscratch {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    if not arguments:
        parser.print_help()
        return 2
    if arguments[0] not in COMMANDS:
        parser.parse_args(arguments[:1])
    return _run(arguments[0], arguments[1:], prog or f"nnscratch {arguments[0]}")


def _run(command: str, arguments: list[str], prog: str) -> int:
    _prepare_streams()
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, prog, warnings.showwarning)
        return _run_command(command, arguments, prog)


def _show_warning(
    prog: str, otherwise: Callable[..., None], message: Any, category: type[Warning], *where: Any
) -> None:
    """Print the library's own warning in a line, as an error; leave others to who showed them before."""
    if issubclass(category, (BackgroundWarning, ConvergenceWarning)):
        print(f"{prog}: warning: {printable(str(message))}", file=sys.stderr)
    else:
        otherwise(message, category, *where)


def _run_command(command: str, arguments: list[str], prog: str) -> int:
    try:
        module = importlib.import_module(f"nnscratch.cli.commands.{command.replace('-', '_')}")
        parser = Parser(prog=prog, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(parser)
        args = parser.parse_args(arguments, argparse.Namespace(prog=typed(command)))
        code = int(module.run(args))
        sys.stdout.flush()
        return code
    except NNScratchError as error:
        print(f"{prog}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print(
            f"{prog}: there is not enough memory for that: ask for a smaller network or fewer images", file=sys.stderr
        )
        return 1
    except BrokenPipeError:
        # whoever read our output has gone
        _drop_stdout()
        return 1
    except OSError as error:
        _drop_stdout()
        print(f"{prog}: the output cannot be written ({error.strerror}): send it elsewhere", file=sys.stderr)
        return 1


def _prepare_streams() -> None:
    """Let text that the terminal cannot show be escaped, and give a closed stream something to stand for it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 (for the rest of the process)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Point stdout nowhere, so that the interpreter's last flush is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

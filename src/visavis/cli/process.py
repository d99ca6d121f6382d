"""Exit statuses, and errors as lines on standard error.

A mistake of the user, a full disk and a closed terminal give no traceback. The exit statuses follow grep and cmp: 0 is
done, or a match; 1 is no match, or a failed calibration check; 2 is an error, or wrong usage; 130 is stopped by Ctrl-C;
141 is an output pipe closed by its reader, as when SIGPIPE ends a program.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, cast

from visavis.errors import VisavisError

if TYPE_CHECKING:
    from typing import TextIO

__all__ = [
    "DIFFERENT",
    "DONE",
    "OWNED",
    "PROBLEM",
    "OutputError",
    "complain",
    "end_process",
    "run",
    "run_process",
    "say",
]

DONE, DIFFERENT, PROBLEM, STOPPED, PIPE_CLOSED = 0, 1, 2, 130, 141

OWNED = False
"""Whether the process ends with the command, so that nothing needs to be released."""


class OutputError(VisavisError):
    """Standard output cannot be written.

    Attributes:
        status: the exit status of the command because of it.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def say(text: object) -> None:
    """Write to standard error. Nothing happens if it cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def complain(text: object) -> None:
    """Write a line about a problem to standard error."""
    say(f"visavis: {text}")


def run(command: Callable[[], int]) -> int:
    """Run a command and return its exit status. An error becomes a line on standard error."""
    output = _Output(sys.stdout)
    with contextlib.redirect_stdout(cast("TextIO", output)):
        status = _status_of(command)
        return _status_of(output.finish) or status


def run_process(command: Callable[[], int]) -> int:
    """Run a command as `run` does, in a process that belongs to it, and set up streams and signals.

    Ctrl-C at any moment gives one line on standard error and status 130. It raises a KeyboardInterrupt, so that
    temporary files are removed and threads are waited for. A second Ctrl-C ends the process at once.

    Sets `OWNED`.
    """
    global OWNED
    OWNED = True
    try:
        interrupt = _Interrupt()
    except KeyboardInterrupt:
        complain("stopped")
        os._exit(STOPPED)
    try:
        _occupy_closed_streams()
        status = run(command)
        # All work is done. If the shutdown hangs, Ctrl-C still ends it, and prints no traceback.
        interrupt.release()
    except BaseException:
        if not interrupt.seen:
            raise
        status = PROBLEM
    if interrupt.seen:
        # An import or a callback may have replaced or swallowed the KeyboardInterrupt.
        if status != STOPPED:
            complain("stopped")
        # The normal shutdown is skipped, because it waits for threads and a further Ctrl-C interrupts it.
        os._exit(STOPPED)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(2)
    # The interpreter's last garbage collection visits every object of every library. It takes 30 ms and is useless,
    # because the memory is freed at the end of the process.
    gc.freeze()
    return status


def end_process(command: Callable[[], int]) -> NoReturn:
    """Run a command as `run_process` does, and end the process without the interpreter's shutdown.

    The shutdown would destroy the networks, which takes 50 ms and is useless, because the memory is freed anyway.
    """
    os._exit(run_process(command))


def _status_of(command: Callable[[], int]) -> int:
    try:
        return command()
    except OutputError as error:
        if error.status != PIPE_CLOSED:
            complain(error)
        return error.status
    except VisavisError as error:
        complain(error)
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error)
    except MemoryError:
        complain("there is not enough memory")
    return PROBLEM


class _Output:
    """Standard output that raises `OutputError`, and escapes the characters that its encoding lacks."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self._stream is None:
            raise OutputError("standard output is closed", PROBLEM)
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:
            raise self._failure(error) from error

    def flush(self) -> None:
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except OSError as error:
            raise self._failure(error) from error

    def finish(self) -> int:
        self.flush()
        return DONE

    def _failure(self, error: OSError) -> OutputError:
        if self._stream is sys.__stdout__:
            _discard(1)
        status = PIPE_CLOSED if isinstance(error, BrokenPipeError) else PROBLEM
        return OutputError(f"standard output cannot be written: {error.strerror}", status)


class _Interrupt:
    """Handles Ctrl-C in a process of this program. Where it is ignored, as in a background job, it stays ignored."""

    def __init__(self) -> None:
        self.seen = False
        self._ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._ours:
            signal.signal(signal.SIGINT, self._stop)
            # Python prints a KeyboardInterrupt that no caller can catch: in a finalizer, in the callback of a weak
            # reference, or in C code that prints errors.
            sys.unraisablehook = self._quietly(sys.unraisablehook, lambda lost: lost.exc_type)
            sys.excepthook = self._quietly(sys.excepthook, lambda kind, *_: kind)

    def release(self) -> None:
        """Restore the default of the system, by which Ctrl-C ends the process."""
        if self._ours:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.seen:
            os._exit(STOPPED)
        self.seen = True
        raise KeyboardInterrupt

    @staticmethod
    def _quietly(hook: Callable[..., object], kind_of: Callable[..., type[BaseException]]) -> Callable[..., None]:
        def quiet(*args: object) -> None:
            if issubclass(kind_of(*args), KeyboardInterrupt):
                complain("stopped")
                os._exit(STOPPED)
            hook(*args)

        return quiet


def _discard(number: int) -> None:
    """Redirect a file descriptor to the null device, because the interpreter flushes its buffers when it ends."""
    with open(os.devnull, "wb") as null:  # noqa: PTH123
        os.dup2(null.fileno(), number)


def _occupy_closed_streams() -> None:
    """Open closed standard streams, so that no file that is opened later gets their descriptors.

    Processes that are started inherit them, as they inherit all standard streams.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        # print() would write to standard output instead.
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115

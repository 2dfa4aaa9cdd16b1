"""Questions about the key of the account, until the exchange accepts it."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from monitor.cli import output
from monitor.cli.check_rows import CheckRow
from monitor.cli.config_template import InitAnswers
from monitor.cli.setup.prompts import SKIP, ask
from monitor.cli.setup.trials import build_trial, try_key
from monitor.config.secrets import parse_ref, resolve
from monitor.errors import MonitorError, UsageError

NO_FILE = "none"
"""Answer that goes from a private key back to a secret."""

PEM_MARK = "-----BEGIN "
"""Start of a private key in the place of a reference to one."""


class KeyQuestions:
    """Asks for key and secret. Their earlier answers stay, so that a key fixed at the exchange is tried again."""

    def __init__(self, answers: InitAnswers, target: Path, environ: Mapping[str, str]) -> None:
        self._answers = answers
        self._folder = target.parent
        self._target = target
        self._environ = environ
        self._is_asked = False
        self.is_accepted = False
        """True once the exchange has accepted the key."""

    def ask(self, args: argparse.Namespace) -> InitAnswers:
        """Return the answers with a key that works, or one that the person keeps without a trial."""
        api_key = self._take(args.api_key, self._use_api_key)
        private_key = self._take(args.private_key, self._use_given_key)
        api_secret = "" if private_key else self._take(args.api_secret, self._use_secret)
        self._answers = replace(self._answers, api_key=api_key, api_secret=api_secret, private_key=private_key)
        if not api_key:
            self._answers = replace(self._answers, api_key=self._ask_api_key())
        if private_key:
            self._add_passphrase()
        elif not api_secret:
            self._ask_secret()
        self._is_asked = True
        while not self._try():
            if self._ask_parts():
                output.print_note("the key is not tried")
                break
        return self._answers

    def _take(self, given: str | None, use: Callable[[str], str]) -> str:
        """Return the part that an option gives; empty without one, and after the error of a wrong one."""
        try:
            return use(given) if given else ""
        except MonitorError as error:
            output.print_error(error, as_json=False)
            return ""

    def _ask_parts(self) -> bool:
        """Ask for all parts anew. Return True if the person goes on with the earlier ones, untried."""
        api_key = self._ask_api_key()
        if api_key == SKIP:
            return True
        self._answers = replace(self._answers, api_key=api_key)
        self._ask_secret()
        return False

    def _ask_api_key(self) -> str:
        known = self._answers.api_key if self._is_asked else ""
        hint = f", empty for the same, {SKIP} to go on without a trial" if self._is_asked else ""
        return ask(f"API key{hint}", self._use_api_key, default=known, hidden=True)

    def _ask_secret(self) -> None:
        """Ask for the file of a private key, or else for a secret."""
        before = self._answers.private_key
        is_typed = bool(before) and parse_ref(before).kind == "literal"
        same = ", empty for the same" if is_typed else ""
        other = f"{same}, {NO_FILE} for a secret key" if before else ", empty for a secret key"
        question = f"File of the private key (Ed25519 or RSA){other}"
        file = ask(question, self._use_private_key, default=before, show_default=not is_typed)
        if file:
            kept = self._answers.passphrase
            self._answers = replace(self._answers, private_key=file, api_secret="", passphrase="")
            self._add_passphrase(kept)
            return
        kept = self._answers.api_secret if self._is_asked else ""
        question = f"API secret{', empty for the same' if kept else ''}"
        secret = ask(question, self._use_secret, default=kept, hidden=True)
        self._answers = replace(self._answers, private_key="", passphrase="", api_secret=secret)

    def _add_passphrase(self, kept: str = "") -> None:
        """Ask for the passphrase of an encrypted private key."""
        if self._is_encrypted(self._answers.private_key):
            passphrase = ask("Passphrase of the private key", self._use_secret, default=kept, hidden=True)
            self._answers = replace(self._answers, passphrase=passphrase)

    def _use_api_key(self, text: str) -> str:
        if text == SKIP and self._is_asked:
            return text
        self._use_secret(text)
        if parse_ref(text).kind == "literal" and not (text.isascii() and text.isalnum()):
            raise UsageError("this is no API key", mend="it is one line of letters and digits; or answer file:PATH")
        return text

    def _use_secret(self, text: str) -> str:
        """Return a secret, or a reference to one that can be read here."""
        if not text:
            raise UsageError("nothing was answered", mend="paste it, or answer file:PATH or env:NAME")
        if not self._is_elsewhere(text):
            resolve(parse_ref(text), self._folder, self._environ)
        return text

    def _use_private_key(self, text: str) -> str:
        if text in ("", NO_FILE):
            return ""
        if parse_ref(text).kind != "literal" or text == self._answers.private_key:
            return self._use_secret(text)
        if PEM_MARK in text:
            raise UsageError("a private key has several lines and can't be typed", mend="answer the path of its file")
        return self._use_secret(f"file:{Path(text).expanduser().absolute()}")

    def _use_given_key(self, text: str) -> str:
        """Return the private key of an option: a reference, the key itself, or the path of a file that is there.

        The text is in no error: it may be a key that lost its first line.
        """
        if parse_ref(text).kind != "literal" or PEM_MARK in text:
            return self._use_secret(text)
        try:
            is_file = Path(text).expanduser().is_file()
        except (OSError, RuntimeError, ValueError):
            is_file = False
        if not is_file:
            raise UsageError("is neither a private key nor a file", where="--private-key", mend="give file:PATH")
        return self._use_private_key(text)

    def _is_elsewhere(self, text: str) -> bool:
        """Return whether it is a credential of systemd, and this is no service."""
        return parse_ref(text).kind == "credential" and "CREDENTIALS_DIRECTORY" not in self._environ

    def _is_encrypted(self, text: str) -> bool:
        if self._is_elsewhere(text):
            return False
        return "ENCRYPTED" in resolve(parse_ref(text), self._folder, self._environ).reveal()

    def _try(self) -> bool:
        """Return whether the key works, or can't be tried here."""
        answers = self._answers
        if any(self._is_elsewhere(text) for text in (answers.api_key, answers.api_secret, answers.private_key) if text):
            output.print_note("the key is not tried: its credential is there only under systemd")
            return True
        while True:
            try:
                rows = try_key(build_trial(answers, self._target, self._environ))
            except MonitorError as error:
                output.print_error(error, as_json=False)
                return False
            for row in rows:
                if row.name != "secrets" or row.result != "ok":
                    output.print_note(_row_text(row))
            failed = [row for row in rows if row.result == "error"]
            self.is_accepted = not failed
            if not failed or failed[0].name != "exchange":
                return not failed
            if ask(f"Enter tries again, {SKIP} goes on without a trial", _parse_skip):
                return True


def _parse_skip(text: str) -> bool:
    if text not in ("", SKIP):
        raise UsageError("that is no answer", mend=f"press Enter, or answer {SKIP}")
    return text == SKIP


def _row_text(row: CheckRow) -> str:
    """The row as one line, an error always with a fix."""
    result = "" if row.result == "ok" else f"{row.result}: "
    fix = row.mend or ("give key and secret again, or change the key at the exchange" if row.result == "error" else "")
    return f"{row.name}: {result}{row.detail}{f'; {fix}' if fix else ''}"

"""Questions about the key of the account, until the exchange accepts it."""

import argparse
from collections.abc import Mapping
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
        if args.api_key and (args.api_secret or args.private_key):
            secret, private_key = args.api_secret or "", args.private_key or ""
            self._answers = replace(self._answers, api_key=args.api_key, api_secret=secret, private_key=private_key)
            self._is_asked = True
        else:
            self._ask_parts()
        while not self._try():
            if self._ask_parts():
                output.print_note("the key is not tried")
                break
        return self._answers

    def _ask_parts(self) -> bool:
        """Ask for the parts of the key. Return True if the person goes on with the earlier ones, untried."""
        before, is_again = self._answers, self._is_asked
        known = before.api_key if is_again else ""
        hint = f", empty for the same, {SKIP} to go on without a trial" if is_again else ""
        api_key = ask(f"API key{hint}", self._use_api_key, default=known, hidden=True)
        if is_again and api_key == SKIP:
            return True
        answers = replace(before, api_key=api_key)
        other = f", {NO_FILE} for a secret key" if before.private_key else ", empty for a secret key"
        file = ask(
            f"File of the private key (Ed25519 or RSA){other}", self._use_private_key, default=before.private_key
        )
        if file:
            answers = replace(answers, private_key=file, api_secret="", passphrase="")
            if self._is_encrypted(file):
                question = "Passphrase of the private key"
                passphrase = ask(question, self._use_secret, default=before.passphrase, hidden=True)
                answers = replace(answers, passphrase=passphrase)
        else:
            kept = before.api_secret if is_again else ""
            question = f"API secret{', empty for the same' if kept else ''}"
            secret = ask(question, self._use_secret, default=kept, hidden=True)
            answers = replace(answers, private_key="", passphrase="", api_secret=secret)
        self._answers, self._is_asked = answers, True
        return False

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
        if parse_ref(text).kind == "literal":
            text = f"file:{Path(text).expanduser().absolute()}"
        return self._use_secret(text)

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

"""Commands run in this process: much faster than processes of their own, where nothing else is to be tested."""

import io

import pytest

from cli.main import main


@pytest.fixture
def a64_command(tmp_path, monkeypatch, capfd):
    """Runs a command in a directory of its own; gives exit status, stdout, stderr."""

    def run(*arguments, text=""):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(item) for item in arguments], prog_name="a64")
        shown, errors = capfd.readouterr()
        return ended.value.code, shown, errors

    return run

"""Commands run in this process: much faster than processes of their own, where nothing else is to be tested."""

import io

import pytest

from cli.main import main
from cli.xol.page import as_html
from tests.cli.browser import DESKTOP, chromium
from tests.cli.performances import performance


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


# --- pages in a browser


@pytest.fixture(scope="session")
def only_tab():
    """A browser with one tab, for all tests: to start one takes seconds."""
    with chromium() as browser:
        yield browser.tab()


@pytest.fixture(scope="session")
def everything(tmp_path_factory):
    """The address of a page with four scenes, one of them a refusal."""
    file = tmp_path_factory.mktemp("page") / "everything.html"
    file.write_text(as_html(performance("everything")))
    return file.as_uri()


@pytest.fixture
def tab(only_tab):
    """The tab, as of a usual window."""
    only_tab.shape(*DESKTOP)
    only_tab.media("light")
    only_tab.scripts(run=True)
    return only_tab


@pytest.fixture
def page(tab, everything):
    """That page, open; whatever is done with it, it complains of nothing and asks for nothing."""
    tab.open(everything)
    yield tab
    assert not tab.complaints()
    assert {everything} >= {address.partition("#")[0] for address in tab.requests()}

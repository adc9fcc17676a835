"""make install: what is built in agrees with where things are put."""

import os
import shutil
import stat
import subprocess

from conftest import BUILD, ROOT


def test_other_prefix(tmp_path):
    """With programs that were built for another prefix, and a umask that
    would keep the web server from reading the files."""
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    shutil.copytree(BUILD, build, symlinks=True)

    def make(target):
        done = subprocess.run(
            ["make", "-C", str(ROOT), f"B={build}", f"FLAVOUR={BUILD.name}",
             f"PREFIX={prefix}", f"SYSCONFDIR={prefix}/etc",
             f"LIBEXECDIR={prefix}/lib/gatecast", f"UNITDIR={prefix}/units",
             target],
            capture_output=True, text=True, timeout=600, umask=0o077,
            env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
        assert done.returncode == 0, done.stdout + done.stderr

    make("install")
    # Finds its templates there, and needs no configuration.
    done = subprocess.run([prefix / "lib/gatecast/login.fcgi", "-n"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    conf = prefix / "etc/gatecast/gatecast.conf"
    conf.write_text("[login]\nworkers = none\n")
    done = subprocess.run([prefix / "sbin/gatecast", "config", "check"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{conf}:2: login.workers"), done.stderr
    # Where man and bash look.
    for page in ("man8/gatecast.8", "man8/wsd.8", "man8/login.fcgi.8",
                 "man5/gatecast.conf.5", "man7/gatecast-protocol.7"):
        assert (prefix / "share/man" / page).is_file()
    # Texts name the paths of this installation.
    for path in (prefix / "share/gatecast/gatecast.conf",
                 prefix / "share/man/man8/login.fcgi.8",
                 prefix / "share/gatecast/deploy/nginx/gatecast.conf",
                 prefix / "share/gatecast/deploy/apache/fcgid.conf"):
        text = path.read_text()
        assert str(prefix) in text and "/usr/local/" not in text, path
    # Units start what is installed here.
    units = {p.name: p.read_text() for p in (prefix / "units").iterdir()}
    assert sorted(units) == sorted(
        p.name for p in (ROOT / "scripts/deploy/systemd").iterdir()
        if p.suffix != ".conf")
    for name, program in (("wsd", "sbin/wsd"),
                          ("login-fcgi", "lib/gatecast/login.fcgi")):
        assert f"ExecStart={prefix}/{program}\n" in units[f"{name}.service"]
    for name in ("sysusers.d", "tmpfiles.d"):
        assert (prefix / "lib" / name / "gatecast.conf").is_file()
    assert (prefix / "share/bash-completion/completions/gatecast").is_file()
    for path in prefix.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir() or os.access(path, os.X_OK):
            assert mode == 0o755, path
        elif path != conf:
            assert mode == 0o644, path
    # What somebody wrote stays, and nothing else.
    make("uninstall")
    assert [p for p in prefix.rglob("*") if not p.is_dir()] == [conf]
    conf.unlink()
    make("uninstall")
    assert not list(prefix.rglob("gatecast"))

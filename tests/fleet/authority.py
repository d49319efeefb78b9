# SPDX-License-Identifier: Apache-2.0
"""Certificates of a test: those of an authority, of another one, and some whose time is over or has not come."""
import ssl

from cli_device import call

CA = """\
[ca]
default_ca=one
[one]
database=index.txt
new_certs_dir=.
rand_serial=yes
default_md=sha256
policy=any
unique_subject=no
[any]
commonName=supplied
"""
HOSTS = "IP:127.0.0.1,DNS:localhost"
TIMES = {"expired": ("20200101000000Z", "20210101000000Z"), "early": ("20900101000000Z", "20910101000000Z")}


def make(folder, hosts=HOSTS):
    """ca and other; server, device, expired and early of ca; stranger of other. NAME.pem and NAME.key of each, for
    these hosts."""
    def run(*words):
        call("openssl", *words, cwd=folder)
    for ca in ("ca", "other"):
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{ca}.key",
            "-out", f"{ca}.pem", "-days", "30", "-subj", f"/CN={ca}")
    (folder / "ca.conf").write_text(CA)
    (folder / "index.txt").touch()
    for name, ca in (("server", "ca"), ("device", "ca"), ("stranger", "other"), ("expired", "ca"), ("early", "ca")):
        issue(folder, name, ca, hosts)
    return folder


def issue(folder, name, ca="ca", hosts=HOSTS):
    """A certificate of whoever has that name."""
    def run(*words):
        call("openssl", *words, cwd=folder)
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
        f"{name}.csr", "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={hosts}\n")
    begin, end = TIMES.get(name, (None, None))
    times = ["-startdate", begin, "-enddate", end] if begin else ["-days", "30"]
    run("ca", "-batch", "-notext", "-config", "ca.conf", "-in", f"{name}.csr", "-cert", f"{ca}.pem", "-keyfile",
        f"{ca}.key", "-extfile", f"{name}.ext", *times, "-out", f"{name}.pem")


def secure(authority, name="server", client=False):
    """client: who connects shows a certificate of ca; "optional": and else is answered without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / f"{name}.pem", authority / f"{name}.key")
    if client:
        context.verify_mode = ssl.CERT_OPTIONAL if client == "optional" else ssl.CERT_REQUIRED
        context.load_verify_locations(authority / "ca.pem")
    return context

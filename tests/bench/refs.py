"""Reference runs beside ours: nginx for a static answer, MariaDB for loading rows.

Each returns None with a reason printed when the program is not installed.
"""
import os
import shutil
import signal
import subprocess
import time

import measure

TABLE = """CREATE DATABASE bench; USE bench;
CREATE TABLE attributes (id INT UNSIGNED PRIMARY KEY, event_id INT UNSIGNED NOT NULL,
 type VARCHAR(40) NOT NULL, value TEXT NOT NULL, uuid CHAR(36) NOT NULL, to_ids TINYINT NOT NULL,
 timestamp INT UNSIGNED NOT NULL, KEY (event_id), KEY (value(191)), UNIQUE KEY (uuid), KEY (type),
 KEY (timestamp)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;"""


def which(*names):
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path:
            return path
    return None


def nginx(tmp, body, port, load):
    """Serve `body` as a static file and put the same load on it; requests per second."""
    exe = which("nginx")
    if exe is None:
        print("reference left out: nginx is not installed")
        return None
    root = os.path.join(tmp, "nginx")
    os.makedirs(os.path.join(root, "www"), exist_ok=True)
    os.chmod(tmp, 0o755)
    with open(os.path.join(root, "www", "x"), "wb") as f:
        f.write(body)
    conf = os.path.join(root, "nginx.conf")
    with open(conf, "w") as f:
        f.write("daemon off; pid %s/pid; error_log %s/error.log; worker_processes auto;\n"
                "events { worker_connections 1024; }\n"
                "http { access_log off; sendfile on; keepalive_requests 1000000000;\n"
                " client_body_temp_path %s/a; proxy_temp_path %s/b; fastcgi_temp_path %s/c;\n"
                " uwsgi_temp_path %s/d; scgi_temp_path %s/e;\n"
                " server { listen 127.0.0.1:%d; root %s/www; } }\n" % ((root,) * 7 + (port, root)))
    p = subprocess.Popen([exe, "-c", conf, "-e", root + "/error.log"], start_new_session=True)
    try:
        time.sleep(1.0)
        return measure.tool(load(port))["rate"]
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        p.wait()


def mariadb(tmp, table):
    """LOAD DATA of the same attributes into a table with MISP's usual indexes; rows per second."""
    server, client = which("mariadbd", "mysqld"), which("mariadb")
    install = which("mariadb-install-db")
    if not (server and install and client):
        print("reference left out: MariaDB is not installed")
        return None
    root = os.path.join(tmp, "mariadb")
    sock = os.path.join(root, "s")
    user = ["--user=root"] if os.getuid() == 0 else []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([install, "--no-defaults", "--datadir=" + root,
                    "--auth-root-authentication-method=normal"] + user, check=True, **quiet)
    p = subprocess.Popen([server, "--no-defaults", "--datadir=" + root, "--socket=" + sock,
                          "--skip-networking", "--innodb-buffer-pool-size=1G", "--local-infile=1",
                          "--pid-file=" + root + "/pid"] + user, start_new_session=True,
                         **quiet)
    try:
        run = [client, "--no-defaults", "--socket=" + sock, "-uroot", "--local-infile=1", "-e"]
        for _ in range(100):
            if subprocess.run(run + ["SELECT 1"], capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        subprocess.run(run + [TABLE], check=True)
        t0 = time.monotonic()
        subprocess.run(run + ["LOAD DATA LOCAL INFILE '%s' INTO TABLE bench.attributes" % table],
                       check=True)
        seconds = time.monotonic() - t0
        with open(table, "rb") as f:
            return sum(1 for _ in f) / seconds
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        p.wait()

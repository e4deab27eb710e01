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


# The tables that a search of MISP reads, with the columns and indexes that matter; bench_gen sql
# writes their rows. Indexes are made after loading, which is faster.
SEARCH_TABLES = """CREATE DATABASE bench; USE bench;
CREATE TABLE events (id INT NOT NULL PRIMARY KEY, org_id INT NOT NULL, date DATE NOT NULL,
 info TEXT NOT NULL, user_id INT NOT NULL, uuid VARCHAR(40) NOT NULL, published TINYINT NOT NULL,
 analysis TINYINT NOT NULL, attribute_count INT UNSIGNED NOT NULL, orgc_id INT NOT NULL,
 timestamp INT NOT NULL, distribution TINYINT NOT NULL, threat_level_id INT NOT NULL,
 publish_timestamp INT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE attributes (id INT NOT NULL PRIMARY KEY, event_id INT NOT NULL, object_id INT NOT NULL,
 category VARCHAR(255) NOT NULL, type VARCHAR(100) NOT NULL, value1 TEXT NOT NULL,
 value2 TEXT NOT NULL DEFAULT '', to_ids TINYINT NOT NULL, uuid VARCHAR(40) NOT NULL,
 timestamp INT NOT NULL, distribution TINYINT NOT NULL, sharing_group_id INT NOT NULL, comment TEXT,
 deleted TINYINT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE event_tags (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, event_id INT NOT NULL,
 tag_id INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE attribute_tags (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, attribute_id INT NOT NULL,
 event_id INT NOT NULL, tag_id INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE tags (id INT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL) ENGINE=InnoDB
 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
"""
SEARCH_COLUMNS = {
    "events": "id,org_id,date,info,user_id,uuid,published,analysis,attribute_count,orgc_id,timestamp,"
              "distribution,threat_level_id,publish_timestamp",
    "attributes": "id,event_id,object_id,category,type,value1,to_ids,uuid,timestamp,distribution,"
                  "sharing_group_id,comment,deleted",
    "event_tags": "event_id,tag_id", "attribute_tags": "attribute_id,event_id,tag_id",
    "tags": "id,name"}
SEARCH_INDEXES = """USE bench;
ALTER TABLE events ADD UNIQUE KEY (uuid), ADD KEY (org_id), ADD KEY (orgc_id), ADD KEY (timestamp);
ALTER TABLE attributes ADD UNIQUE KEY (uuid), ADD KEY (event_id), ADD KEY (object_id),
 ADD KEY (value1(255)), ADD KEY (value2(255)), ADD KEY (type), ADD KEY (category), ADD KEY (timestamp);
ALTER TABLE event_tags ADD KEY (event_id), ADD KEY (tag_id);
ALTER TABLE attribute_tags ADD KEY (attribute_id), ADD KEY (event_id), ADD KEY (tag_id);
ALTER TABLE tags ADD UNIQUE KEY (name);
ANALYZE TABLE events, attributes, event_tags, attribute_tags;"""


class Mariadb:
    """A server of our own in a folder, on a Unix socket; usable() tells whether it is installed."""

    def __init__(self, root, pool="1G"):
        self.root, self.pool, self.proc = os.path.abspath(root), pool, None
        self.sock = os.path.join(self.root, "s")
        self.server, self.client = which("mariadbd", "mysqld"), which("mariadb")
        self.install = which("mariadb-install-db")

    def usable(self):
        return bool(self.server and self.install and self.client)

    def start(self):
        user = ["--user=root"] if os.getuid() == 0 else []
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if not os.path.isdir(os.path.join(self.root, "mysql")):
            subprocess.run([self.install, "--no-defaults", "--datadir=" + self.root,
                            "--auth-root-authentication-method=normal"] + user, check=True, **quiet)
        self.proc = subprocess.Popen(
            [self.server, "--no-defaults", "--datadir=" + self.root, "--socket=" + self.sock,
             "--skip-networking", "--innodb-buffer-pool-size=" + self.pool, "--local-infile=1",
             "--innodb-log-file-size=512M", "--max-allowed-packet=256M",
             "--pid-file=" + self.root + "/pid"] + user, start_new_session=True, **quiet)
        for _ in range(600):
            if self.proc.poll() is not None:
                raise RuntimeError("MariaDB ended with %s" % self.proc.returncode)
            if subprocess.run(self._run("SELECT 1"), capture_output=True).returncode == 0:
                return
            time.sleep(0.2)
        self.stop()
        raise RuntimeError("MariaDB does not start")

    def _run(self, sql):
        return [self.client, "--no-defaults", "--socket=" + self.sock, "-uroot", "-N", "-B",
                "--local-infile=1", "-e", sql]

    def sql(self, text):
        p = subprocess.run(self._run(text), capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError("MariaDB: " + p.stderr[-300:])
        return p.stdout

    def pid(self):
        return self.proc.pid

    def load_search(self, folder):
        """Tables of a search from the files of `bench_gen sql`; seconds it took."""
        t0 = time.monotonic()
        self.sql(SEARCH_TABLES)
        for table, columns in SEARCH_COLUMNS.items():
            self.sql("SET unique_checks=0; LOAD DATA LOCAL INFILE '%s' INTO TABLE bench.%s (%s)" % (
                os.path.join(folder, table), table, columns))
        self.sql(SEARCH_INDEXES)
        return time.monotonic() - t0

    def stop(self):
        if self.proc:
            os.killpg(self.proc.pid, signal.SIGTERM)
            self.proc.wait()
        self.proc = None


def mariadb(tmp, table):
    """LOAD DATA of the same attributes into a table with MISP's usual indexes; rows per second."""
    db = Mariadb(os.path.join(tmp, "mariadb"))
    if not db.usable():
        print("reference left out: MariaDB is not installed")
        return None
    try:
        db.start()
        db.sql(TABLE)
        t0 = time.monotonic()
        db.sql("LOAD DATA LOCAL INFILE '%s' INTO TABLE bench.attributes" % table)
        seconds = time.monotonic() - t0
        with open(table, "rb") as f:
            return sum(1 for _ in f) / seconds
    finally:
        db.stop()

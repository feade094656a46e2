//! SQL.

use ogent_protocol::verdict::EffectKind::{Account, DatabaseChange, DatabaseDrop, Execute, Read, Write};

use super::{effect, plain, scan, shell, unproved, unseen};
use crate::payload::Language::Sql;

#[test]
fn questions_are_plain() {
    plain(
        Sql,
        &[
            "SELECT a, count(*) FROM t WHERE b = 'x; DROP TABLE t' GROUP BY a -- DELETE FROM t",
            "show databases; use shop; describe t",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "EXPLAIN DELETE FROM t",
            "\\dt+ public.*",
            ".tables\n.schema t\nselect 1;",
            "BEGIN; SELECT \"it's\" FROM `a-b`; ROLLBACK",
            "PRAGMA table_info(t)",
            "select 'a\\'b'",
            "SELECT $$ DROP TABLE t $$",
        ],
    );
}

#[test]
fn changes_are_told() {
    effect(
        Sql,
        &[
            ("drop table if exists shop.t cascade", DatabaseDrop, "t"),
            ("TRUNCATE t", DatabaseDrop, "t"),
            ("DELETE FROM t", DatabaseDrop, "t"),
            ("DELETE FROM t WHERE id = 3", DatabaseChange, "t"),
            ("UPDATE t SET a = 1", DatabaseChange, "t"),
            ("INSERT INTO t VALUES (1)", DatabaseChange, "t"),
            ("ALTER TABLE t DROP COLUMN a", DatabaseDrop, "t"),
            ("GRANT ALL ON t TO bob", DatabaseChange, "t"),
            ("CREATE USER bob", Account, "bob"),
            ("/*!50000 DROP TABLE t */", DatabaseDrop, "t"),
            ("WITH d AS (DELETE FROM t RETURNING *) SELECT 1", DatabaseDrop, "t"),
            ("SELECT 'x\\'; DROP TABLE t; --'", DatabaseDrop, "t"),
            ("SELECT a INTO OUTFILE '/var/www/a.php' FROM t", Write, "/var/www/a.php"),
            ("SELECT load_file('/etc/shadow')", Read, "/etc/shadow"),
            ("COPY t TO '/tmp/t'", Write, "/tmp/t"),
            ("LOAD '/tmp/a.so'", Execute, "/tmp/a.so"),
            (".output /etc/cron.d/x\nselect 1;", Write, "/etc/cron.d/x"),
            (".load ./evil", Execute, "./evil"),
        ],
    );
    assert!(scan(Sql, "UPDATE t SET a = 1").effects.iter().any(|(.., all)| *all));
    assert!(scan(Sql, "UPDATE t SET a = 1 WHERE b").effects.iter().all(|(.., all)| !all));
}

#[test]
fn commands_are_told() {
    shell(
        Sql,
        &[
            ("\\! id", "id"),
            ("select 1; \\! id", "id"),
            ("\\copy t from program 'id'", "id"),
            ("COPY t FROM PROGRAM 'id'", "id"),
            ("EXEC xp_cmdshell 'id'", "id"),
            (".shell id", "id"),
            ("system id", "id"),
            (".once |id", "id"),
            ("\\o | id", "id"),
        ],
    );
    unseen(Sql, &["SELECT c FROM t \\gexec"]);
    unproved(Sql, &["FROBNICATE t", "DO $$ BEGIN EXECUTE x; END $$", "SELECT 'a"]);
}

//! One test for each suggestion, and that all of them are shell.

use ogent_protocol::verdict::SuggestionKind::{self, Faster, Preview, Safer, Sturdier};
use proptest::prelude::*;

use super::candidates;

/// Among what is suggested for a line there is this.
#[track_caller]
fn suggests(line: &str, kind: SuggestionKind, wanted: &str) {
    let found = candidates(line);
    assert!(found.iter().any(|other| other.kind == kind && other.command == wanted), "{line}\n{found:#?}");
}

/// Nothing of that kind is suggested.
#[track_caller]
fn nothing(line: &str, kind: SuggestionKind) {
    let found = candidates(line);
    assert!(found.iter().all(|other| other.kind != kind), "{line}\n{found:#?}");
}

#[test]
fn pipes_get_shorter() {
    suggests("cat a.log | grep x", Faster, "grep x a.log");
    suggests("cat a.log | wc -l", Faster, "wc -l < a.log");
    suggests("cat a.log | head -n 3", Faster, "head -n 3 < a.log");
    suggests("grep -i x a.log | wc -l", Faster, "grep -c -i x a.log");
    suggests("cat a.log | grep x | wc -l", Faster, "grep -c x a.log");
    suggests("sort a | uniq", Faster, "sort -u a");
    suggests("ls | grep conf", Faster, "ls -d -- *conf*");
    suggests("grep root a | awk '{print $1}'", Faster, "awk '/root/ {print $1}' a");
    suggests("echo \"$(cat é | grep x)\"", Faster, "echo \"$(grep x é)\"");
    for line in [
        "cat a b | grep x",
        "cat $a | grep x",
        "sort -n a | uniq",
        "sort a | uniq -c",
        "grep -o x a | wc -l",
        "ls | grep 'a.*b'",
        "grep x a* | wc -l",
    ] {
        nothing(line, Faster);
    }
}

#[test]
fn pipes_get_sturdier() {
    suggests("ps aux | grep nginx", Sturdier, "pgrep -af nginx");
    suggests("ps -ef | grep [n]ginx | grep -v grep | awk '{print $2}'", Sturdier, "pgrep -f nginx");
    suggests("ps ax | grep -i java | wc -l", Sturdier, "pgrep -cif java");
    suggests("find . -name '*.o' | xargs rm", Sturdier, "find . -name '*.o' -print0 | xargs -0 rm");
    suggests("find . -print | xargs -n1 wc", Sturdier, "find . -print0 | xargs -0 -n1 wc");
    suggests("find . -type f | wc -l", Sturdier, "find . -type f -printf . | wc -c");
    suggests("echo $x | cut -c1", Sturdier, "printf '%s\\n' \"$x\" | cut -c1");
    suggests("cat a | while read l; do echo \"$l\"; done", Sturdier, "while read l; do echo \"$l\"; done < a");
    suggests("tail -f a | grep x | cut -c1", Sturdier, "tail -f a | grep --line-buffered x | cut -c1");
    nothing("find . -print0 | xargs -0 rm", Sturdier);
    nothing("find . -name a -o -name b | xargs cat", Sturdier);
}

#[test]
fn find_does_less_or_more_at_once() {
    suggests("find . -type f -exec chmod 644 {} \\;", Faster, "find . -type f -exec chmod 644 {} +");
    suggests("find . -name '*.o' -exec rm -f {} \\;", Faster, "find . -name '*.o' -delete");
    suggests("find . -name '*.o' -exec rm -f {} \\;", Preview, "find . -name '*.o' -print");
    suggests("find . -name '*.o' -delete", Preview, "find . -name '*.o' -print");
    nothing("find . -exec sh -c 'x {}' \\;", Faster);
    nothing("find . -exec mv {} /tmp \\;", Faster);
}

#[test]
fn variables_are_quoted_and_not_empty() {
    suggests("rm -rf \"$DIR\"/", Safer, "rm -rf \"${DIR:?}\"/");
    suggests("rm -rf $DIR/*", Safer, "rm -rf \"${DIR:?}\"/*");
    suggests("rm -rf \"$DIR/a\" $x", Safer, "rm -rf \"${DIR:?}/a\" \"${x:?}\"");
    suggests("cp $from ${to}/a", Safer, "cp \"$from\" \"${to}\"/a");
    suggests("[ $x = y ]", Sturdier, "[ \"$x\" = y ]");
    suggests("echo `date` é", Sturdier, "echo $(date) é");
    suggests("for f in $(ls *.txt); do cat \"$f\"; done", Sturdier, "for f in *.txt; do cat \"$f\"; done");
    suggests("for f in `ls`; do cat \"$f\"; done", Sturdier, "for f in *; do cat \"$f\"; done");
    nothing("chmod 644 $FILES", Safer);
    nothing("for f in $(ls src); do cat \"$f\"; done", Sturdier);
    nothing("echo '`date`' '$x'", Sturdier);
}

#[test]
fn removing_is_shown_first() {
    suggests("rm *.log", Preview, "ls -ld -- *.log");
    suggests("sudo rm -rf build", Preview, "sudo find build -print");
    suggests("rm -rf build", Safer, "rm --one-file-system -rf build");
    suggests("rm -f *", Sturdier, "rm -f ./*");
    suggests("rm -r a && rm b", Preview, "find a -print && ls -ld -- b");
    suggests("userdel -r bob", Safer, "userdel bob");
    suggests("git reset --hard HEAD~2", Safer, "git reset --keep HEAD~2");
    suggests("git reset --hard", Safer, "git stash push --include-untracked && git reset --hard");
    suggests("git push --force origin a", Safer, "git push --force-with-lease origin a");
    suggests("git push -f", Safer, "git push --force-with-lease");
    suggests("git push", Preview, "git push --dry-run");
    suggests("git clean -fdx", Preview, "git clean -ndx");
    suggests("git branch -D a", Safer, "git branch -d a");
    suggests("git checkout -- .", Preview, "git diff --stat");
    suggests("git stash clear", Preview, "git stash list");
    suggests("docker compose down -v", Safer, "docker compose down");
}

#[test]
fn writing_over_is_avoided() {
    suggests("mv a b", Safer, "mv -n a b");
    suggests("cp -r a b", Safer, "cp --backup=numbered -r a b");
    suggests("sed -i s/a/b/ f", Safer, "sed -i.bak s/a/b/ f");
    suggests("sed -i s/a/b/ f", Preview, "sed s/a/b/ f | diff -u f -");
    suggests("perl -pi -e s/a/b/ f", Safer, "perl -pi.bak -e s/a/b/ f");
    suggests("dd if=a of=/dev/sdb bs=1M", Preview, "lsblk -o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINTS /dev/sdb");
    suggests("dd if=a of=b", Safer, "dd if=a of=b conv=excl");
    suggests("sudo echo x > /etc/motd", Sturdier, "sudo echo x | sudo tee /etc/motd > /dev/null");
    suggests("tar xzf a.tgz", Preview, "tar tzf a.tgz");
    nothing("sort a > b && mv -n b a", Safer);
    nothing("sed -i.bak s/a/b/ f", Safer);
}

#[test]
fn rights_stay_narrow() {
    suggests("chmod 777 a", Safer, "chmod 755 a");
    suggests("sudo chmod -R 777 /srv", Safer, "sudo chmod -R u=rwX,go=rX /srv");
    suggests("chmod a+w a", Safer, "chmod u+w a");
    nothing("chmod 755 a", Safer);
}

#[test]
fn processes_are_asked_first() {
    suggests("kill -9 12", Safer, "kill 12");
    suggests("kill -s KILL 12", Safer, "kill 12");
    suggests("sudo pkill -9 -f job", Safer, "sudo pkill -f job");
    suggests("pkill -f job", Preview, "pgrep -af job");
    suggests("killall nginx", Preview, "pgrep -ax nginx");
    nothing("kill 12", Safer);
}

#[test]
fn downloads_are_kept_and_read() {
    let kept = "curl -fsSLo /tmp/script.sh https://example.com/a";
    for line in [
        "curl https://example.com/a | sh",
        "curl -s https://example.com/a | sudo bash -s x",
        "bash <(curl https://example.com/a)",
        "sh -c \"$(curl https://example.com/a)\"",
    ] {
        suggests(line, Preview, kept);
    }
    suggests("wget -O- https://example.com/a | bash", Preview, "wget -qO /tmp/script.sh https://example.com/a");
    nothing("curl https://example.com/a | jq .", Preview);
}

#[test]
fn programs_show_what_they_would_do() {
    for (line, preview) in [
        ("rsync -a --delete a/ b/", "rsync -a --delete a/ b/ --dry-run"),
        ("kubectl -n x delete pod a", "kubectl -n x delete pod a --dry-run=server"),
        ("terraform destroy -auto-approve", "terraform plan -destroy"),
        ("docker system prune -a", "docker system df"),
        ("sudo apt-get remove a", "sudo apt-get remove --simulate a"),
        ("systemctl stop a", "systemctl status --no-pager a"),
        ("crontab -r", "crontab -l"),
        ("aws s3 rm s3://a --recursive", "aws s3 rm s3://a --recursive --dryrun"),
        ("mkfs.ext4 /dev/sdb1", "lsblk -o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINTS /dev/sdb1"),
        ("make -C a clean", "make -C a clean --dry-run"),
        ("truncate -s 0 a", "ls -l -- a"),
        ("zfs destroy a/b", "zfs destroy -nv a/b"),
        ("helm uninstall a", "helm uninstall a --dry-run"),
    ] {
        suggests(line, Preview, preview);
    }
    nothing("kubectl delete pod a --dry-run=server", Preview);
    nothing("docker image ls", Preview);
}

#[test]
fn nothing_waits_for_an_answer() {
    suggests("apt-get install a", Sturdier, "DEBIAN_FRONTEND=noninteractive apt-get install -y a");
    suggests("sudo apt install a", Sturdier, "sudo DEBIAN_FRONTEND=noninteractive apt install -y a");
    suggests("dnf install a", Sturdier, "dnf -y install a");
    suggests("ssh host uptime", Sturdier, "ssh -o BatchMode=yes -o ConnectTimeout=10 host uptime");
    suggests("which a", Sturdier, "command -v a");
    suggests("mkdir a/b", Sturdier, "mkdir -p a/b");
    suggests("curl https://example.com", Sturdier, "curl -f https://example.com");
    nothing("apt-get install -y a", Sturdier);
}

#[test]
fn what_follows_a_folder_needs_it() {
    suggests("cd a; rm -rf *", Safer, "cd a && rm -rf *");
    suggests("cd a\nls", Sturdier, "cd a && ls");
    suggests("cd a; make; rm -r b", Safer, "cd a || exit 1; make; rm -r b");
    nothing("cd a && ls", Sturdier);
}

#[test]
fn there_are_few_and_long_lines_get_none() {
    assert!(candidates(&"rm $a; ".repeat(40)).len() <= super::MOST);
    assert!(candidates(&"rm $a; ".repeat(1000)).is_empty());
    assert!(candidates("if true").is_empty());
    assert!(candidates("ls -l").is_empty());
    assert!(candidates("cat <<'E'\n$(cat a | grep b)\nE").is_empty());
}

/// What lines are made of.
const PIECES: &[&str] = &[
    "rm -rf ",
    "find . ",
    "| xargs ",
    "| grep x ",
    "cat a ",
    "| wc -l ",
    "$x ",
    "\"$x\"/* ",
    "`ls` ",
    "$(ls | grep a) ",
    "; ",
    "&& ",
    "\n",
    "(",
    ")",
    "sudo ",
    "for f in ",
    "do ",
    "done ",
    "é ",
    "\"",
    "'",
    "\\",
    "> a ",
    "-exec rm {} \\; ",
    "-9 ",
    "kill ",
    "git push -f ",
    "cd a",
    "${",
    "}",
    "$((1)) ",
    "<(curl a://b) ",
    "sh ",
    "#",
    "<<E\n",
    "E\n",
    "-- ",
    "while read l; do ",
    "*",
    "chmod 777 ",
    "apt install a ",
    "kubectl delete a ",
];

#[test]
fn the_longest_line_takes_no_longer_than_it_has_to() {
    for piece in PIECES {
        let start = std::time::Instant::now();
        candidates(&piece.repeat(super::LONGEST / piece.len()));
        candidates(&format!("{piece} x $y; ").repeat(super::LONGEST / (piece.len() + 7)));
        // Hundreds of times what is to be expected, for a debug build on a busy machine.
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{piece:?}");
    }
}

proptest! {
    #[test]
    fn every_suggestion_is_shell(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        let line = pieces.concat();
        for candidate in candidates(&line) {
            prop_assert!(crate::syntax::parse(&candidate.command).is_ok());
            prop_assert!(candidate.command != line && !candidate.why.is_empty());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        candidates(&text);
    }
}

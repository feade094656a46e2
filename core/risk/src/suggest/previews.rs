//! Programs that can say what they would do.

use ogent_protocol::verdict::SuggestionKind::Preview;

use super::call::Call;
use super::line::{Draft, Edit};

/// How a preview is made of a command.
enum How {
    /// These words are added behind the last.
    Add(&'static str),
    /// These words stand behind the first operand, which is the command of the program.
    Behind(&'static str),
    /// The whole call becomes this.
    Instead(&'static str),
    /// The whole call becomes this, with the operands behind the words of the rule.
    With(&'static str),
}

/// A program, the first operands, an option that must be there, and what becomes of it.
const RULES: &[(&str, &[&str], &str, How)] = &[
    ("rsync", &[], "--del", How::Add("--dry-run")),
    ("kubectl", &["delete"], "", How::Add("--dry-run=server")),
    ("kubectl", &["drain"], "", How::Add("--dry-run=server")),
    ("kubectl", &["scale"], "", How::Add("--dry-run=server")),
    ("kubectl", &["replace"], "", How::Add("--dry-run=server")),
    ("kubectl", &["patch"], "", How::Add("--dry-run=server")),
    ("kubectl", &["apply"], "", How::Add("--dry-run=server")),
    ("oc", &["delete"], "", How::Add("--dry-run=server")),
    ("helm", &["uninstall"], "", How::Add("--dry-run")),
    ("helm", &["delete"], "", How::Add("--dry-run")),
    ("helm", &["upgrade"], "", How::Add("--dry-run")),
    ("helm", &["rollback"], "", How::Add("--dry-run")),
    ("terraform", &["destroy"], "", How::Instead("terraform plan -destroy")),
    ("terraform", &["apply"], "", How::Instead("terraform plan")),
    ("tofu", &["destroy"], "", How::Instead("tofu plan -destroy")),
    ("tofu", &["apply"], "", How::Instead("tofu plan")),
    ("pulumi", &["destroy"], "", How::Instead("pulumi preview")),
    ("pulumi", &["up"], "", How::Instead("pulumi preview")),
    ("ansible-playbook", &[], "", How::Add("--check --diff")),
    ("docker", &["system", "prune"], "", How::Instead("docker system df")),
    ("docker", &["volume", "prune"], "", How::Instead("docker volume ls --filter dangling=true")),
    ("docker", &["volume", "rm"], "", How::With("docker volume inspect")),
    ("docker", &["image", "prune"], "", How::Instead("docker images --filter dangling=true")),
    ("docker", &["container", "prune"], "", How::Instead("docker ps --all --filter status=exited")),
    ("docker", &["rm"], "", How::Instead("docker ps --all")),
    ("docker", &["rmi"], "", How::Instead("docker images")),
    ("apt-get", &["remove"], "", How::Behind("--simulate")),
    ("apt-get", &["purge"], "", How::Behind("--simulate")),
    ("apt-get", &["autoremove"], "", How::Behind("--simulate")),
    ("apt-get", &["upgrade"], "", How::Behind("--simulate")),
    ("apt-get", &["dist-upgrade"], "", How::Behind("--simulate")),
    ("apt-get", &["install"], "", How::Behind("--simulate")),
    ("apt", &["remove"], "", How::Behind("--simulate")),
    ("apt", &["purge"], "", How::Behind("--simulate")),
    ("apt", &["autoremove"], "", How::Behind("--simulate")),
    ("apt", &["full-upgrade"], "", How::Behind("--simulate")),
    ("dnf", &["remove"], "", How::Behind("--assumeno")),
    ("dnf", &["upgrade"], "", How::Behind("--assumeno")),
    ("yum", &["remove"], "", How::Behind("--assumeno")),
    ("yum", &["update"], "", How::Behind("--assumeno")),
    ("npm", &["publish"], "", How::Add("--dry-run")),
    ("npm", &["install"], "", How::Add("--dry-run")),
    ("pip", &["install"], "", How::Behind("--dry-run")),
    ("pip3", &["install"], "", How::Behind("--dry-run")),
    ("cargo", &["publish"], "", How::Add("--dry-run")),
    ("aws", &["s3", "rm"], "", How::Add("--dryrun")),
    ("aws", &["s3", "sync"], "", How::Add("--dryrun")),
    ("aws", &["s3", "mv"], "", How::Add("--dryrun")),
    ("aws", &["s3", "cp"], "", How::Add("--dryrun")),
    ("gsutil", &["rsync"], "", How::Behind("-n")),
    ("rclone", &["sync"], "", How::Add("--dry-run")),
    ("rclone", &["delete"], "", How::Add("--dry-run")),
    ("rclone", &["purge"], "", How::Add("--dry-run")),
    ("systemctl", &["stop"], "", How::With("systemctl status --no-pager")),
    ("systemctl", &["restart"], "", How::With("systemctl status --no-pager")),
    ("systemctl", &["disable"], "", How::With("systemctl status --no-pager")),
    ("systemctl", &["mask"], "", How::With("systemctl status --no-pager")),
    ("crontab", &[], "-r", How::Instead("crontab -l")),
    ("iptables", &[], "-F", How::Instead("iptables -S")),
    ("nft", &["flush"], "", How::Instead("nft list ruleset")),
    ("ufw", &["reset"], "", How::Instead("ufw status verbose")),
    ("ufw", &["disable"], "", How::Instead("ufw status verbose")),
    ("wipefs", &[], "-a", How::Add("--no-act")),
    ("logrotate", &[], "-f", How::Add("--debug")),
    ("make", &["clean"], "", How::Add("--dry-run")),
    ("make", &["distclean"], "", How::Add("--dry-run")),
    ("make", &["install"], "", How::Add("--dry-run")),
    ("make", &["uninstall"], "", How::Add("--dry-run")),
    ("truncate", &[], "-s", How::With("ls -l --")),
    ("shred", &[], "", How::With("ls -l --")),
    ("vgremove", &[], "", How::With("vgs")),
    ("lvremove", &[], "", How::With("lvs")),
    ("zfs", &["destroy"], "", How::Behind("-nv")),
    ("zpool", &["destroy"], "", How::With("zpool status")),
];

/// Options with which it is a preview already.
const PREVIEWS: &[&str] =
    &["--dry-run", "--dryrun", "--simulate", "-s", "--check", "--no-act", "--assumeno", "--debug", "--just-print"];

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let asks = |arg: &super::call::Arg<'_>| PREVIEWS.iter().any(|option| arg.is_long(option));
    if call.name.starts_with("mkfs") || call.name == "mke2fs" {
        if let Some(device) = call.operands().last() {
            let preview = format!("lsblk -o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINTS {}", device.raw);
            drafts.push(Draft::new(Preview, "shows what is on the device", vec![call.instead(preview)]));
        }
        return;
    }
    unpacked(call, drafts);
    let wanted = |(program, words, option, _): &&(&str, &[&str], &str, How)| {
        call.name == *program
            && call.begins(words)
            && (option.is_empty() || call.options().any(|arg| arg.raw.starts_with(option)))
    };
    let Some((_, words, _, how)) = RULES.iter().find(wanted) else { return };
    if call.args.iter().any(asks) && call.name != "truncate" {
        return;
    }
    let edit = match how {
        // What stands behind `--` is no option any more.
        How::Add(text) if call.args.iter().any(|arg| arg.raw == "--") => call.with(text),
        How::Add(text) => call.and(text),
        How::Behind(text) => match call.operands().next() {
            Some(first) => Edit::insert(first.range.end, format!(" {text}")),
            None => return,
        },
        How::Instead(text) => call.instead(*text),
        How::With(text) => {
            let rest = call.rest(if call.name == "truncate" { 1 } else { words.len() });
            call.instead(format!("{text} {rest}").trim_end().to_owned())
        }
    };
    drafts.push(Draft::new(Preview, "shows what it would do, and does nothing", vec![edit]));
}

/// `tar -x` writes over what is there; `tar -t` tells what would be written.
fn unpacked(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let Some(first) = call.args.first().filter(|_| call.is(&["tar", "bsdtar"])) else { return };
    let letters = first.raw.trim_start_matches('-');
    let extracts =
        !first.raw.starts_with("--") && letters.contains('x') && letters.chars().all(|char| char.is_ascii_alphabetic());
    if extracts {
        drafts.push(Draft::new(
            Preview,
            "lists what would be written",
            vec![first.replace(first.raw.replacen('x', "t", 1))],
        ));
    } else if first.raw == "--extract" {
        drafts.push(Draft::new(Preview, "lists what would be written", vec![first.replace("--list")]));
    }
}

//! Places that everybody knows.

use ogent_protocol::verdict::TargetClass as T;

/// Folders of the system that are lost as a whole when they are.
const SYSTEM: &[&str] = &[
    "bin",
    "boot",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "sbin",
    "usr",
    "var",
    "opt",
    "srv",
    "mnt",
    "media",
    "run",
    "nix",
    "snap",
    "System",
    "Library",
    "Applications",
    "Volumes",
    "private",
    "cores",
    "efi",
    "data",
    "export",
    "net",
];

/// Folders below `/usr`, `/var` and their like that count as wholes, too.
const SYSTEM_BELOW: &[&str] = &[
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib32",
    "usr/lib64",
    "usr/libexec",
    "usr/share",
    "usr/local",
    "usr/include",
    "usr/src",
    "usr/local/bin",
    "usr/local/sbin",
    "usr/local/lib",
    "usr/local/etc",
    "usr/local/share",
    "var/lib",
    "var/spool",
    "var/cache",
    "var/www",
    "var/db",
    "var/run",
    "var/opt",
    "private/etc",
    "private/var",
    "run/systemd",
    "System/Library",
    "nix/store",
    "usr/lib/x86_64-linux-gnu",
];

/// Things in `/etc` and elsewhere that only root should read.
const CREDENTIALS: &[&str] = &[
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/master.passwd",
    "/etc/krb5.keytab",
    "/etc/security/opasswd",
    "/etc/kubernetes/admin.conf",
    "/etc/ipsec.secrets",
    "/etc/ppp/chap-secrets",
    "/var/lib/kubelet",
    "/etc/rancher/k3s/k3s.yaml",
    "/etc/ssl/private",
    "/etc/letsencrypt/live",
    "/etc/pki/tls/private",
    "/var/run/secrets",
    "/run/secrets",
    "/etc/wireguard",
    "/etc/openvpn",
    "/var/db/dslocal",
    "/etc/spwd.db",
    "/etc/sssd/sssd.conf",
    "/var/lib/sss/db",
    "/etc/NetworkManager/system-connections",
    "/etc/wpa_supplicant",
];

/// Places from which things start by themselves.
const STARTUP: &[&str] = &[
    "/etc/cron",
    "/var/spool/cron",
    "/var/spool/at",
    "/var/spool/anacron",
    "/etc/anacrontab",
    "/etc/crontab",
    "/etc/systemd/system",
    "/etc/systemd/user",
    "/lib/systemd",
    "/usr/lib/systemd",
    "/usr/local/lib/systemd",
    "/run/systemd/system",
    "/etc/rc",
    "/etc/init.d",
    "/etc/init",
    "/etc/inittab",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh",
    "/etc/csh",
    "/etc/ld.so",
    "/etc/pam",
    "/lib/security",
    "/usr/lib/security",
    "/etc/sudoers",
    "/etc/doas.conf",
    "/etc/udev/rules.d",
    "/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/etc/NetworkManager/dispatcher.d",
    "/etc/network/if-",
    "/etc/update-motd.d",
    "/etc/apt/apt.conf.d",
    "/etc/modules",
    "/etc/modprobe.d",
    "/etc/environment",
    "/etc/xdg/autostart",
    "/usr/share/autostart",
    "/Library/LaunchAgents",
    "/Library/LaunchDaemons",
    "/System/Library/Launch",
    "/Library/StartupItems",
    "/etc/periodic",
    "/etc/emond.d",
    "/etc/shells",
    "/etc/passwd",
    "/etc/group",
    "/boot/",
    "/etc/default/grub",
    "/etc/grub",
    "/etc/dpkg/dpkg.cfg",
    "/etc/yum",
    "/etc/at.",
    "/etc/bash_completion.d",
    "/etc/skel",
    "/etc/kernel",
    "/etc/initramfs-tools",
    "/etc/polkit-1",
    "/usr/share/polkit-1",
    "/etc/ssh/sshd_config",
    "/etc/hosts.equiv",
    "/etc/launchd.conf",
    "/etc/X11/xinit",
];

/// What a path from `/` is.
pub(super) fn absolute(path: &str, home: &str) -> T {
    let rest = path.trim_start_matches('/');
    if rest.is_empty() {
        return T::Root;
    }
    let (first, second) = rest.split_once('/').unwrap_or((rest, ""));
    match first {
        "dev" => return device(second),
        "proc" | "sys" => return kernel(first, second),
        "tmp" => return T::Temporary,
        "var" if second == "tmp" || second.starts_with("tmp/") => return T::Temporary,
        "private" if second == "tmp" || second.starts_with("tmp/") || second.starts_with("var/tmp") => {
            return T::Temporary;
        }
        "var" if is_log(second) || second.starts_with("lib/docker/containers/") => return T::Log,
        "private" if second.strip_prefix("var/").is_some_and(is_log) => return T::Log,
        "run" if second == "utmp" => return T::Log,
        _ => {}
    }
    if let Some(class) = in_home(path, home) {
        return class;
    }
    if CREDENTIALS.iter().any(|known| starts(path, known)) || is_host_key(path) {
        return T::Credentials;
    }
    if STARTUP.iter().any(|known| path.starts_with(known)) {
        return T::Startup;
    }
    if let Some(class @ (T::Credentials | T::History)) = by_name(rest) {
        return class;
    }
    if (second.is_empty() && SYSTEM.contains(&first)) || SYSTEM_BELOW.contains(&rest) || is_service_data(rest) {
        return T::System;
    }
    match first {
        "opt" | "srv" | "mnt" | "media" | "data" | "Volumes" | "export" => T::Data,
        "var"
            if ["lib/", "www/", "cache/", "spool/", "opt/", "db/", "mail", "backups", "crash"]
                .iter()
                .any(|known| second.starts_with(known)) =>
        {
            T::Data
        }
        "usr" if second.starts_with("src/") || second.starts_with("local/src/") => T::Data,
        first if SYSTEM.contains(&first) => T::SystemFile,
        _ => T::Data,
    }
}

fn starts(path: &str, known: &str) -> bool {
    path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_host_key(path: &str) -> bool {
    path.starts_with("/etc/ssh/ssh_host_") && !path.ends_with(".pub")
}

/// All that a service keeps: `/var/lib/mysql`.
fn is_service_data(rest: &str) -> bool {
    rest.strip_prefix("var/lib/").is_some_and(|name| !name.contains('/'))
}

fn is_log(below_var: &str) -> bool {
    ["log", "audit", "adm", "run/utmp", "mail", "spool/mail", "account"].iter().any(|known| starts(below_var, known))
}

fn device(name: &str) -> T {
    match name.split('/').next().unwrap_or_default() {
        "null" | "zero" | "full" | "random" | "urandom" | "stdout" | "stderr" | "stdin" | "fd" | "tty" | "pts"
        | "console" | "ptmx" => T::Sink,
        name if name.starts_with("tty") || name.starts_with("pty") => T::Sink,
        "tcp" | "udp" => T::Network,
        "shm" => T::Temporary,
        _ => T::Device,
    }
}

fn kernel(first: &str, below: &str) -> T {
    match below.split_once('/') {
        Some(("self", rest)) if rest.starts_with("fd") => T::Sink,
        Some((pid, "environ")) if first == "proc" && (pid == "self" || pid.parse::<u32>().is_ok()) => T::Credentials,
        Some((_, "mem")) if first == "proc" => T::Credentials,
        None if below == "kcore" => T::Credentials,
        _ => T::Kernel,
    }
}

/// What a path in somebody's home is.
fn in_home(path: &str, home: &str) -> Option<T> {
    let inside = match path.strip_prefix(home).filter(|_| home.len() > 1) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => {
            let rest = path.trim_start_matches('/');
            let (root, rest) = rest.split_once('/').unwrap_or((rest, ""));
            match root {
                "root" => rest,
                "home" | "Users" => match rest.split_once('/') {
                    // `/home` and `/home/alice` are whole homes; `/home/*/x` is in each of them.
                    None => return Some(T::Home),
                    Some((_, inner)) => inner,
                },
                "var" if rest.starts_with("root") => rest.trim_start_matches("root"),
                _ => return None,
            }
        }
    };
    let inside = inside.trim_start_matches('/');
    if inside.is_empty() {
        return Some(T::Home);
    }
    Some(by_name(inside).unwrap_or(T::HomeFile))
}

const SHELL_STARTUP: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zprofile",
    ".zshenv",
    ".zlogin",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".pam_environment",
    ".xinitrc",
    ".xprofile",
    ".xsession",
    ".inputrc",
    ".vimrc",
    ".gdbinit",
    ".shrc",
    ".mkshrc",
    ".zlogout",
    ".bash_completion",
    ".kshenv",
    ".xsessionrc",
    ".xserverrc",
    ".forward",
    ".procmailrc",
    ".rhosts",
    ".shosts",
];

const SHELL_HISTORY: &[&str] = &[
    ".bash_history",
    ".zsh_history",
    ".zhistory",
    ".sh_history",
    ".history",
    ".ash_history",
    ".python_history",
    ".mysql_history",
    ".psql_history",
    ".sqlite_history",
    ".node_repl_history",
    ".rediscli_history",
    ".lesshst",
    ".viminfo",
    "fish_history",
];

const KEY_FILES: &[&str] = &[
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".vault-token",
    ".htpasswd",
    ".s3cfg",
    ".boto",
    "credentials.json",
    "Login Data",
    "logins.json",
    "key4.db",
    "key3.db",
    "signons.sqlite",
    "cookies.sqlite",
    "login.keychain",
    "login.keychain-db",
    ".dockercfg",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "NTDS.dit",
    "shadow.bak",
    "wallet.dat",
    ".pypirc",
    ".esmtprc",
];

const KEY_FOLDERS: &[&str] = &[
    ".aws/credentials",
    ".kube/config",
    ".docker/config.json",
    ".gnupg",
    ".config/gcloud",
    ".azure",
    ".config/gh/hosts.yml",
    ".password-store",
    ".local/share/keyrings",
    "Library/Keychains",
    ".config/op",
    ".config/rclone/rclone.conf",
    ".terraform.d/credentials",
    ".mozilla/firefox",
    ".config/google-chrome",
    "Google/Chrome",
    ".config/chromium",
    ".aws",
    ".oci",
    ".config/doctl",
    ".electrum",
    ".bitcoin",
];

const START_FOLDERS: &[&str] = &[
    ".config/autostart",
    ".config/systemd",
    "Library/LaunchAgents",
    ".ssh/authorized_keys",
    ".ssh/rc",
    ".ssh/config",
    ".ssh/environment",
    ".config/fish/config.fish",
    ".config/upstart",
    ".local/share/systemd",
    ".config/environment.d",
    ".kde/Autostart",
    ".git/hooks",
    ".vim/plugin",
    ".local/share/dbus-1",
    ".config/git/config",
];

/// What a path is by the names in it, wherever it stands.
pub(super) fn by_name(path: &str) -> Option<T> {
    let last = path.rsplit('/').next().unwrap_or(path);
    let holds = |list: &[&str]| list.iter().any(|known| has_part(path, known));
    if SHELL_HISTORY.contains(&last) {
        return Some(T::History);
    }
    if SHELL_STARTUP.contains(&last) || holds(START_FOLDERS) {
        return Some(T::Startup);
    }
    if path.starts_with('.')
        && ["session", "token", "secret", "credential", "password"].iter().any(|part| last.contains(part))
    {
        return Some(T::Credentials);
    }
    let in_ssh = has_part(path, ".ssh");
    let harmless = last.ends_with(".pub") || last.starts_with("known_hosts");
    if (in_ssh && !harmless) || KEY_FILES.contains(&last) || holds(KEY_FOLDERS) {
        return Some(T::Credentials);
    }
    None
}

/// Whether the names of `part` stand in `path`, one after the other, as whole names.
fn has_part(path: &str, part: &str) -> bool {
    path.match_indices(part).any(|(at, _)| {
        let before = at == 0 || path.as_bytes().get(at - 1) == Some(&b'/');
        before && matches!(path.as_bytes().get(at + part.len()), None | Some(b'/'))
    })
}

//! Receives a word that names a file, gives which kind of place that is.

mod known;

use ogent_protocol::verdict::TargetClass;

use crate::word::Word;

/// A place in the file system, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// What kind of place.
    pub(crate) class: TargetClass,
    /// Its path, without `.` and `..`.
    pub(crate) path: String,
    /// Whether it stands for what is in the folder `path`, and not for one thing of known name.
    pub(crate) below: bool,
    /// Whether a part of its name is known only when the command runs.
    pub(crate) open: bool,
}

/// Where a command stands in the file system.
#[derive(Debug, Clone)]
pub(crate) struct Standpoint {
    /// The folder that it runs in; none where nobody knows.
    pub(crate) cwd: Option<String>,
    /// Other folders that it may run in, where nobody knows whether a `cd` has been reached, or has worked.
    pub(crate) others: Vec<Option<String>>,
    /// The home of the account.
    pub(crate) home: String,
}

// === impl Standpoint ===

impl Standpoint {
    /// What kind of place a word names.
    pub(crate) fn locate(&self, word: &Word) -> Place {
        let open = !word.holes.is_empty();
        if let Some(at) = remote_path(word.prefix()) {
            // `host:/etc/x` is a file like any other, there.
            return Self { cwd: None, others: Vec::new(), home: self.home.clone() }.locate(&word.tail(at));
        }
        if (open || word.glob)
            && let Some(place) = self.behind_dots(word)
        {
            return place;
        }
        let prefix = word.prefix();
        if let Some(place) = self.named_below(word) {
            return place;
        }
        let known = if word.glob { glob_base(prefix) } else { prefix };
        let cut = open || known.len() < prefix.len();
        // Of what is cut off in the middle of a name, only the folder before it is known.
        let (folder, below) = match (cut, known.rfind('/')) {
            (false, _) => (known, false),
            // The beginning of a name makes it one thing in a folder, and not the folder.
            (true, Some(at)) if open && !word.glob && at + 1 < known.len() => (known, false),
            (true, Some(at)) => (known.get(..=at).unwrap_or(known), true),
            (true, None) => ("", true),
        };
        if open && folder.is_empty() {
            let certain = word.holes.iter().all(|hole| hole.below);
            let class = if certain { TargetClass::Project } else { TargetClass::Unknown };
            return Place { class, path: word.shown(), below: true, open: true };
        }
        let (path, outside) = self.resolve(folder);
        let named = cut && !word.text.get(folder.len()..).unwrap_or_default().trim_matches('*').is_empty();
        let class = if outside {
            if path.starts_with("../../../..") { TargetClass::Root } else { TargetClass::Unknown }
        } else {
            self.class(&path, below && !(word.glob && named), word.glob && named)
        };
        Place { class, path, below, open }
    }

    /// A pattern or something unknown that `..` leaves again: what stands before counts as plain names.
    fn behind_dots(&self, word: &Word) -> Option<Place> {
        let shown = word.shown();
        let ups = shown.match_indices("/..").map(|(at, _)| at + 3);
        let end = ups.filter(|end| matches!(shown.as_bytes().get(*end), None | Some(b'/'))).last()?;
        let (head, tail) = shown.split_at(end);
        let (folder, outside) = self.resolve(&head.replace(['*', '?', '[', ']'], "x"));
        if outside {
            let class = if folder.starts_with("../../..") { TargetClass::Root } else { TargetClass::Unknown };
            return Some(Place { class, path: folder, below: true, open: true });
        }
        let text = format!("{}{tail}", folder.trim_end_matches('/'));
        let text = if text.is_empty() { "/".to_owned() } else { text };
        // No `..` is left in it, so that this ends.
        let glob = tail.contains(['*', '?', '[']);
        Some(self.locate(&Word { text, holes: Vec::new(), glob, ..word.clone() }))
    }

    /// Things of a known name that are found somewhere below a folder: `find / -name core`.
    fn named_below(&self, word: &Word) -> Option<Place> {
        use TargetClass as T;
        let hole = word.holes.last().filter(|hole| hole.below)?;
        let name = word.text.get(hole.at..).filter(|name| !name.is_empty())?;
        let folder = Word { text: word.text.get(..hole.at)?.to_owned(), holes: vec![*hole], ..word.clone() };
        let place = self.locate(&folder);
        let class = match (known::by_name(name), place.class) {
            (Some(class), _) => class,
            (None, T::Root | T::System) => T::SystemFile,
            (None, T::Home) => T::HomeFile,
            (None, T::WorkingFolder) => T::Project,
            (None, class) => class,
        };
        Some(Place { class, below: false, ..place })
    }

    /// The path from `/` or from the folder that the command runs in, and whether it leads out of a folder that nobody knows.
    fn resolve(&self, text: &str) -> (String, bool) {
        let expanded = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", self.home),
            Some("+") => self.cwd.clone().unwrap_or_default(),
            _ => text.to_owned(),
        };
        let base = if expanded.starts_with('/') { None } else { self.cwd.as_deref() };
        let absolute = expanded.starts_with('/') || base.is_some();
        let mut names: Vec<&str> = Vec::new();
        let mut up = 0_usize;
        for name in base.into_iter().flat_map(|cwd| cwd.split('/')).chain(expanded.split('/')) {
            match name {
                "" | "." => {}
                ".." if names.pop().is_none() => up += 1,
                ".." => {}
                name => names.push(name),
            }
        }
        let joined = names.join("/");
        match (absolute, up) {
            (true, _) => (format!("/{joined}"), false),
            (false, 0) => (joined, false),
            (false, up) => (format!("{}{joined}", "../".repeat(up)).trim_end_matches('/').to_owned(), true),
        }
    }

    fn class(&self, path: &str, below: bool, pattern: bool) -> TargetClass {
        if !path.starts_with('/') {
            return relative(path, pattern);
        }
        let class = known::absolute(path, &self.home);
        let inside = self.cwd.as_deref().is_some_and(|cwd| is_below(path, cwd));
        match class {
            // Where somebody works is theirs, as long as it is not everybody's.
            TargetClass::HomeFile | TargetClass::Data if inside && self.cwd.as_deref() != Some("/") => {
                if below && self.cwd.as_deref() == Some(path) {
                    TargetClass::WorkingFolder
                } else {
                    TargetClass::Project
                }
            }
            class => class,
        }
    }
}

/// Where the path begins in `user@host:/path`.
fn remote_path(text: &str) -> Option<usize> {
    let at = text.find(':')?;
    let host = text.get(..at)?;
    let is_host = host.len() > 1 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-_".contains(&b));
    let path = text.get(at + 1..)?;
    (is_host && path.starts_with(['/', '~']) && !path.starts_with("//")).then_some(at + 1)
}

/// Whether a device holds data: a disk, memory.
pub(crate) fn is_disk(path: &str) -> bool {
    let name = path.trim_start_matches("/dev/");
    [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "rdisk", "mapper", "dm-", "md", "loop", "mem", "kmem",
        "port", "block", "root", "ada", "da0", "zvol", "vg",
    ]
    .iter()
    .any(|known| name.starts_with(known))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn relative(path: &str, pattern: bool) -> TargetClass {
    if path.is_empty() {
        return if pattern { TargetClass::Project } else { TargetClass::WorkingFolder };
    }
    let mut names = path.split('/');
    match path {
        ".git" => return TargetClass::Repository,
        _ if names.any(|name| name == ".git") => {
            return if path.contains(".git/hooks") { TargetClass::Startup } else { TargetClass::Repository };
        }
        _ => {}
    }
    known::by_name(path).unwrap_or(TargetClass::Project)
}

/// The part of a pattern before its first special character.
fn glob_base(pattern: &str) -> &str {
    let at = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    pattern.get(..at).unwrap_or(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::verdict::{Provenance, Span, TargetClass as T};

    fn class(text: &str, glob: bool, cwd: Option<&str>) -> T {
        let standpoint = Standpoint { cwd: cwd.map(str::to_owned), others: Vec::new(), home: "/home/alice".to_owned() };
        let word = Word { glob, ..Word::literal(text, Span::default()) };
        standpoint.locate(&word).class
    }

    #[test]
    fn places_have_their_kinds() {
        for (path, expected) in [
            ("/", T::Root),
            ("//", T::Root),
            ("/etc/..", T::Root),
            ("/.", T::Root),
            ("/etc", T::System),
            ("/usr/local/", T::System),
            ("/etc/hosts", T::SystemFile),
            ("/etc/shadow", T::Credentials),
            ("/etc/cron.d/x", T::Startup),
            ("/etc/ld.so.preload", T::Startup),
            ("/var/log", T::Log),
            ("/var/log/syslog", T::Log),
            ("/var/lib/mysql", T::System),
            ("/var/lib/mysql/a", T::Data),
            ("/home", T::Home),
            ("/home/bob", T::Home),
            ("/home/bob/x", T::HomeFile),
            ("/home/bob/.ssh/id_rsa", T::Credentials),
            ("/home/bob/.bashrc", T::Startup),
            ("/home/bob/.bash_history", T::History),
            ("/dev/null", T::Sink),
            ("/dev/sda", T::Device),
            ("/dev/tcp/h/1", T::Network),
            ("/tmp/x", T::Temporary),
            ("/proc/sysrq-trigger", T::Kernel),
            ("/srv/data", T::Data),
            ("x/y", T::Project),
            (".", T::WorkingFolder),
            ("", T::WorkingFolder),
            ("..", T::Unknown),
            ("../../../../../../..", T::Root),
            (".git", T::Repository),
            ("~", T::Home),
            ("~/", T::Home),
            ("~/x", T::HomeFile),
        ] {
            assert_eq!(class(path, false, None), expected, "{path}");
        }
    }

    #[test]
    fn patterns_stand_for_what_is_below() {
        for (path, expected) in [
            ("/*", T::Root),
            ("/etc/*", T::System),
            ("~/*", T::Home),
            ("*", T::WorkingFolder),
            ("./*", T::WorkingFolder),
            ("*.txt", T::Project),
            ("build/*", T::Project),
            ("/var/log/*.log", T::Log),
            ("/tmp/*", T::Temporary),
            ("/home/*", T::Home),
            ("/home/bob/Downloads/*", T::HomeFile),
        ] {
            assert_eq!(class(path, true, None), expected, "{path}");
        }
    }

    #[test]
    fn relative_paths_follow_the_folder() {
        assert_eq!(class("etc", false, Some("/")), T::System);
        assert_eq!(class("*", true, Some("/")), T::Root);
        assert_eq!(class("..", false, Some("/etc")), T::Root);
        assert_eq!(class("build", false, Some("/home/alice/app")), T::Project);
        assert_eq!(class("../../..", false, Some("/home/alice/app")), T::Root);
        assert_eq!(class("x", false, Some("/tmp")), T::Temporary);
    }

    #[test]
    fn holes_leave_the_folder_before_them() {
        let standpoint = Standpoint { cwd: None, others: Vec::new(), home: "/home/alice".to_owned() };
        let mut word = Word::literal("/etc/", Span::default());
        word.push(&Word::unknown(Provenance::Unknown, Span::default()));
        assert_eq!(standpoint.locate(&word).class, T::System);
        assert_eq!(standpoint.locate(&Word::unknown(Provenance::Unknown, Span::default())).class, T::Unknown);
        assert_eq!(standpoint.locate(&Word::below(&Word::literal("/", Span::default()))).class, T::Root);
        assert_eq!(standpoint.locate(&Word::below(&Word::literal(".", Span::default()))).class, T::WorkingFolder);
    }
}

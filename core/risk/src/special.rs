//! Programs that need more than data to be understood: those that run others, that talk to the network, that print what the
//! next one runs.

mod disk;
mod find;
mod git;
mod lang;
mod network;
mod shells;
pub(crate) mod text;
mod transfer;
mod wrap;

use ogent_protocol::verdict::Span;

use crate::data::Data;
use crate::judge::Judge;
use crate::word::Word;

pub(crate) use shells::is_shell;

/// The names that are handled here.
pub(crate) const NAMES: &[&str] = &[
    "sudo", "doas", "env", "xargs", "find", "gfind", "ssh", "busybox", "toybox", "sh", "bash", "dd", "curl", "wget",
    "nc", "ncat", "netcat", "socat", "telnet", "openssl", "awk", "gawk", "mawk", "nawk", "sed", "gsed", "tee", "cp",
    "mv", "crontab", "base64",
];

impl Judge<'_> {
    /// What a program prints that is handled here; none where rules are enough.
    pub(crate) fn special(&mut self, name: &str, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        if is_shell(name) {
            return Some(self.shell(name, args, stdin, span));
        }
        Some(match name {
            "sudo" | "doas" => self.sudo(args, stdin, span),
            "env" => self.env(args, stdin, span),
            "xargs" => self.xargs(args, stdin, span),
            "find" | "gfind" => self.find(args, stdin, span),
            "ssh" => self.ssh(args, stdin, span),
            "busybox" | "toybox" => match args {
                [] => Data::unknown(ogent_protocol::verdict::Provenance::CommandOutput),
                [applet, ..] if applet.text.starts_with('-') => {
                    Data::unknown(ogent_protocol::verdict::Provenance::CommandOutput)
                }
                words => self.command(words.to_vec(), stdin, span),
            },
            "dd" => self.dd(args, stdin, span),
            "curl" => self.curl(args, stdin, span),
            "wget" => self.wget(args, stdin, span),
            "nc" | "ncat" | "netcat" | "nc.traditional" | "nc.openbsd" => self.netcat(args, stdin, span),
            "socat" => self.socat(args, stdin, span),
            "telnet" => self.telnet(args, span),
            "openssl" => self.openssl(args, stdin, span),
            "awk" | "gawk" | "mawk" | "nawk" | "original-awk" => self.awk(args, stdin, span),
            "sed" | "gsed" => self.sed(args, stdin, span),
            "tee" => self.tee(args, stdin, span),
            "cp" | "mv" | "install" => self.copies(name, args, span)?,
            "crontab" => self.crontab(args, stdin, span),
            "at" | "batch" => self.at(args, stdin, span)?,
            "parallel" => self.parallel(args, stdin, span),
            "git" => self.git(args, stdin, span)?,
            "make" | "gmake" | "bmake" => self.make(args, stdin, span)?,
            "java" => self.java(args, stdin, span)?,
            "ztcp" => {
                self.connected = true;
                Data::nothing()
            }
            "mkfifo" => self.fifo(args, span),
            "yes" => Data::unknown(ogent_protocol::verdict::Provenance::CommandOutput),
            _ => return text::model(self, name, args, stdin, span),
        })
    }
}

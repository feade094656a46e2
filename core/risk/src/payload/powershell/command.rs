//! What one command does.

use ogent_protocol::verdict::EffectKind::{
    self, Account, Delete, Execute, Firewall, Kill, NetworkFetch, NetworkSend, Overwrite, Package, Permission,
    Persistence, Power, Read, Remote, Service, Write,
};

use super::Script;
use super::lex::Word;
use crate::payload::value::Value;

/// Verbs of commands that only show, select or make values.
const SHOWS: &[&str] = &[
    "get",
    "select",
    "where",
    "sort",
    "format",
    "measure",
    "convertto",
    "convertfrom",
    "write",
    "test",
    "compare",
    "group",
    "foreach",
    "resolve",
    "split",
    "join",
    "find",
    "show",
    "wait",
    "read",
];

/// Other commands, aliases and words of the language that do no more.
const PLAIN: &str = "echo ls dir pwd gc cat type gci gi ps gps select where sort ft fl fw measure exit return \
         param if else elseif foreach for while do switch break continue function filter try catch finally throw \
         in % ? begin process end out-string out-host out-null out-default start-sleep sleep new-timespan \
         new-guid set-variable set-location cd sl push-location pop-location clear-host cls clear set-strictmode \
         tee gm gv gal gcm help man history h group compare diff whoami hostname new-variable set-psdebug trap \
         data";

/// Members of .NET that only compute.
const MEMBERS: &str = "tostring toupper tolower split replace trim trimstart trimend substring contains \
         startswith endswith indexof length count padleft padright insert remove format join gettype equals \
         compareto adddays addhours addminutes addseconds getstring getbytes tochararray keys values add \
         containskey getenumerator totaldays totalseconds totalminutes subtract year month day hour name value \
         psversion major minor invariantculture now utcnow today newguid pi round floor ceiling max min sqrt pow \
         abs utf8 ascii unicode";

/// Types of .NET of which every member only computes.
const TYPES: &str = "math datetime guid string int int32 int64 double char bool convert timespan version regex \
         text.encoding encoding environment console stringcomparison uri array datetimeoffset decimal long byte";

impl Script<'_> {
    pub(super) fn run(&mut self, first: &Word, arguments: &[Word], piped: &Value) -> Value {
        let Word::Bare(name) = first else {
            self.members(first, arguments);
            return self.value(first);
        };
        let name = name.to_lowercase();
        if name.starts_with(['$', '-', '+', '*', '!', '<', '>', '='])
            || name.starts_with(|char: char| char.is_ascii_digit())
        {
            self.members(first, arguments);
            return self.value(first);
        }
        if name.starts_with(['[', '.', ':']) && !name.starts_with("./") {
            self.members(first, arguments);
            return Value::Unknown;
        }
        let verb = name.split_once('-').map_or("", |(verb, _)| verb);
        match name.as_str() {
            "iex" | "invoke-expression" => self.invoked(arguments, piped),
            "get-content" | "gc" | "cat" | "type" | "import-csv" | "select-string" | "sls" => self.to(Read, arguments),
            "remove-item" | "rm" | "del" | "rd" | "rmdir" | "erase" | "ri" => self.to(Delete, arguments),
            "clear-content" | "clc" | "clear-item" => self.to(Overwrite, arguments),
            "set-content" | "sc" | "add-content" | "ac" | "out-file" | "new-item" | "ni" | "mkdir" | "md"
            | "export-csv" | "tee-object" | "set-item" | "set-itemproperty" | "sp" | "export-clixml"
            | "compress-archive" | "expand-archive" => self.to(Write, arguments),
            "move-item" | "mv" | "mi" | "move" | "rename-item" | "ren" | "rni" | "copy-item" | "cp" | "copy"
            | "cpi" => {
                self.to(Overwrite, arguments);
            }
            "invoke-webrequest" | "iwr" | "wget" | "curl" | "irm" | "invoke-restmethod" | "start-bitstransfer" => {
                self.fetched(arguments)
            }
            "start-process" | "saps" | "start" => self.started(arguments),
            "invoke-command" | "icm" | "enter-pssession" | "new-pssession" => self.found.effect_on(Remote, None, false),
            "stop-process" | "spps" | "kill" | "taskkill" => self.to(Kill, arguments),
            "stop-service" | "start-service" | "restart-service" | "set-service" | "new-service" | "remove-service"
            | "suspend-service" => {
                self.to(Service, arguments);
            }
            "stop-computer" | "restart-computer" => self.found.effect_on(Power, None, false),
            "set-acl" => self.to(Permission, arguments),
            "set-executionpolicy"
            | "set-mppreference"
            | "disable-windowsoptionalfeature"
            | "set-netfirewallprofile" => {
                self.found.effect_on(Firewall, None, false);
            }
            "new-localuser" | "add-localgroupmember" | "set-localuser" | "remove-localuser" | "disable-localuser" => {
                self.found.effect_on(Account, None, false);
            }
            "install-module" | "install-package" | "uninstall-module" | "uninstall-package" | "update-module"
            | "install-script" => {
                self.found.effect_on(Package, None, false);
            }
            "register-scheduledtask" | "new-scheduledtask" | "register-wmievent" => {
                self.found.effect_on(Persistence, None, false)
            }
            "clear-eventlog" | "remove-eventlog" | "wevtutil" => {
                self.found.effect_on(EffectKind::LogTampering, None, false)
            }
            "clear-history" => self.found.effect_on(EffectKind::HistoryTampering, None, false),
            "format-volume" | "clear-disk" | "initialize-disk" | "remove-partition" => {
                self.found.effect_on(EffectKind::Format, None, false)
            }
            "add-type" | "import-module" | "ipmo" | "using" => self.found.effect_on(Execute, None, false),
            "send-mailmessage" => self.found.effect_on(NetworkSend, None, false),
            "new-object" => self.made(arguments),
            _ if PLAIN.split_whitespace().any(|known| known == name) => self.members(first, arguments),
            _ if !verb.is_empty() && SHOWS.contains(&verb) => self.members(first, arguments),
            // A command that is not PowerShell's own.
            _ => {
                let words: Vec<Value> = std::iter::once(first).chain(arguments).map(|word| self.value(word)).collect();
                self.found.argv(&words);
            }
        }
        Value::Unknown
    }

    /// `& program arguments` and `. script`.
    pub(super) fn called(&mut self, words: &[Word]) {
        let words: Vec<Value> = words.iter().map(|word| self.value(word)).collect();
        if words.is_empty() { self.found.runs_unknown() } else { self.found.argv(&words) }
    }

    fn invoked(&mut self, arguments: &[Word], piped: &Value) {
        let code = arguments.iter().find(|word| !is_parameter(word)).map_or(piped.clone(), |word| self.value(word));
        for choice in code.choices() {
            match choice.known() {
                Some(code) => self.follow(&code),
                None => self.found.runs_unknown(),
            }
        }
    }

    /// Does something to the first thing that is named, or to all of them.
    fn to(&mut self, kind: EffectKind, arguments: &[Word]) {
        let recursive =
            arguments.iter().any(|word| matches!(word, Word::Bare(text) if text.to_lowercase().starts_with("-r")));
        let mut targets = Vec::new();
        let mut skip = false;
        for word in arguments {
            let parameter = is_parameter(word);
            if !parameter && !skip {
                targets.push(self.value(word));
            }
            skip = parameter && matches!(word, Word::Bare(text) if takes_value(text));
        }
        if kind == Write {
            targets.truncate(1);
        }
        if kind == Overwrite && targets.len() > 1 {
            targets.drain(..targets.len() - 1);
        }
        if targets.is_empty() {
            targets.push(Value::Unknown);
        }
        for target in targets {
            self.found.effect(kind, &target, recursive && kind == Delete);
        }
    }

    fn fetched(&mut self, arguments: &[Word]) {
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let Word::Bare(text) = word else { continue };
            let lower = text.to_lowercase();
            if lower.starts_with("-outf") || lower == "-o" || lower.starts_with("-dest") {
                let file = words.next().map_or(Value::Unknown, |word| self.value(word));
                self.found.effect(Write, &file, false);
            }
        }
        let sends = arguments.iter().any(|word| {
            matches!(word, Word::Bare(text) if ["post", "put", "patch", "delete", "-body", "-infile"].contains(&text.to_lowercase().as_str()))
        });
        let address = arguments
            .iter()
            .map(|word| self.value(word))
            .find(|value| value.as_text().is_some_and(|text| text.contains("://")));
        let kind = if sends { NetworkSend } else { NetworkFetch };
        self.found.effect(kind, &address.unwrap_or_default(), false);
    }

    fn started(&mut self, arguments: &[Word]) {
        let words: Vec<Word> = arguments.iter().filter(|word| !is_parameter(word)).cloned().collect();
        self.called(&words);
    }

    /// `New-Object Net.Sockets.TCPClient(…)`.
    fn made(&mut self, arguments: &[Word]) {
        let name = arguments
            .iter()
            .find(|word| !is_parameter(word))
            .map(|word| self.value(word).piece().to_lowercase())
            .unwrap_or_default();
        if name.contains("sockets.") {
            self.found.connected();
            self.found.effect_on(NetworkSend, None, false);
        } else if name.contains("process") {
            self.found.handed_over();
            self.found.runs_unknown();
        } else if ![
            "webclient",
            "psobject",
            "datetime",
            "random",
            "text.",
            "collections.",
            "io.string",
            "version",
            "uri",
            "timespan",
        ]
        .iter()
        .any(|known| name.contains(known))
        {
            self.found.opaque();
        }
        self.members_of(&name);
    }

    fn members(&mut self, first: &Word, arguments: &[Word]) {
        for word in std::iter::once(first).chain(arguments) {
            if let Word::Bare(text) = word {
                self.members_of(&text.to_lowercase());
            }
        }
    }

    /// Members of .NET in a word: `$client.GetStream`, `[IO.File]::Delete`, `.DownloadString`.
    fn members_of(&mut self, word: &str) {
        let call = word.starts_with('.') || word.starts_with('$') && word.contains('.') || word.contains("::");
        if !call {
            return;
        }
        if let Some((of, member)) = word.split_once("]::") {
            let of = of.trim_start_matches('[').trim_start_matches("system.");
            if TYPES.split_whitespace().any(|known| known == of) {
                return;
            }
            return self.member(of, member);
        }
        for member in word.split('.').skip(1) {
            self.member("", member);
        }
    }

    fn member(&mut self, of: &str, member: &str) {
        let member = member.trim_end_matches(|char: char| !char.is_alphanumeric());
        match member {
            "downloadstring" | "downloaddata" | "openread" | "getasync" => {
                self.found.effect_on(NetworkFetch, None, false)
            }
            "downloadfile" => {
                self.found.effect_on(NetworkFetch, None, false);
                self.found.effect_on(Write, None, false);
            }
            "uploadstring" | "uploadfile" | "uploaddata" => self.found.effect_on(NetworkSend, None, false),
            "getstream" | "connect" | "accepttcpclient" | "acceptsocket" => self.found.connected(),
            "start" if of.contains("process") || of.is_empty() => self.found.runs_unknown(),
            "delete" => self.found.effect_on(Delete, None, false),
            "writealltext" | "writeallbytes" | "writealllines" | "appendalltext" | "create" => {
                self.found.effect_on(Write, None, false)
            }
            "readalltext" | "readallbytes" | "readalllines" => self.found.effect_on(Read, None, false),
            "invoke" | "invokescript" | "load" | "loadfile" | "loadwithpartialname" | "shellexecute" => {
                self.found.runs_unknown()
            }
            known if MEMBERS.split_whitespace().any(|name| name == known) => {}
            _ if of.is_empty() && member.is_empty() => {}
            _ => self.found.opaque(),
        }
    }
}

fn is_parameter(word: &Word) -> bool {
    matches!(word, Word::Bare(text) if text.starts_with('-') && text.len() > 1 && !text.starts_with("--"))
}

/// Parameters whose value is not a target.
fn takes_value(parameter: &str) -> bool {
    let parameter = parameter.to_lowercase();
    ["-erroraction", "-ea", "-value", "-filter", "-include", "-exclude", "-itemtype", "-type", "-encoding", "-pattern"]
        .contains(&parameter.as_str())
}
